import { scopeOf } from '../core/cloud-event.ts'
import type { Expression } from '../core/expression.ts'
import type { HookEvent } from '../core/hook.ts'
import type { JsonValue } from '../core/json.ts'

/** What an expression of a listener gives, over `event` and `value`. */
export function evaluateEvent(setting: Expression, event: HookEvent): JsonValue {
  // Compiled for the scope of events instead of a record's.
  return setting.evaluate(scopeOf(event) as never)
}
