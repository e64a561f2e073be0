import type { Evaluate } from '../core/expression.ts'
import type { HookEvent } from '../core/hook.ts'
import type { JsonValue } from '../core/json.ts'

/**
 * The condition `when` over a whole event: `value`, and `event` with the facts of the event beside its
 * name. It throws what the expression throws.
 */
export function hookCondition(when: Evaluate): (event: HookEvent) => JsonValue {
  return ({ event, pipeline, stage, timeMs, data, value }) => {
    const time = new Date(timeMs).toISOString()
    // The expression was compiled for this scope instead of a record's.
    return when({ event: { ...data, event, pipeline, stage, time }, value } as never)
  }
}
