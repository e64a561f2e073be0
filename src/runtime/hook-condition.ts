import { scopeOf } from '../core/cloud-event.ts'
import type { Evaluate } from '../core/expression.ts'
import type { HookEvent } from '../core/hook.ts'
import type { JsonValue } from '../core/json.ts'

/**
 * The condition `when` over a whole event: `value`, and `event` with the facts of the event beside its
 * name. It throws what the expression throws.
 */
export function hookCondition(when: Evaluate): (event: HookEvent) => JsonValue {
  // The expression was compiled for this scope instead of a record's.
  return (event) => when(scopeOf(event) as never)
}
