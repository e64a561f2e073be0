import type { JsonValue } from '../../core/json.ts'

/** What one call of an aggregate function has gathered in one group. */
export interface Accumulator {
  /** @param value never null, and of a type that the function takes: the projection has seen to it. */
  add(value: JsonValue, eventTimeMs: number): void
  /** null where there was no value; shares nothing that changes with the accumulator. */
  result(): JsonValue
  /** The whole of it; valid until the next `add`. */
  save(): JsonValue
}
