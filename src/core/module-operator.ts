import type { JsonValue } from './json.ts'

/**
 * For functions of a step `module` in a pipeline file: `import type { ModuleFunction } from 'millrace/operator'`.
 *
 *     export const process: ModuleFunction<Order, PricedOrder> = async (order, { signal }) => {
 *       const price = await priceOf(order.sku, signal)
 *       return price === null ? null : { ...order, price }
 *     }
 */
export type ModuleFunction<In = JsonValue, Out = JsonValue, Config = unknown> = (
  /** The record's value as the step before left it; a copy, which may be changed. */
  value: In,
  record: ModuleRecord<Config>,
) => ModuleResult<Out> | Promise<ModuleResult<Out>>

/**
 * The new value; null leaves the record out (counted as filtered); a list makes a record of each of its
 * elements, so that a value which is a list itself stands in a list. Dates become ISO 8601 text.
 */
export type ModuleResult<Out> = Out | readonly Out[] | null

/** What a function may know of its record beside the value. */
export interface ModuleRecord<Config = unknown> {
  readonly key: string | null
  /** As text by name. */
  readonly headers: Readonly<Record<string, JsonValue>>
  /** Where the record lies, and when it came in (epoch ms). */
  readonly topic: string | null
  readonly partition: number
  readonly offset: number | null
  readonly timestamp: number | null
  /** W3C Trace Context to go on with, for calls of other services; null where the record came without. */
  readonly traceparent: string | null
  /** Aborts when the deadline has passed or the pipeline stops: hand it to `fetch` and the like. */
  readonly signal: AbortSignal
  /** `config` of the step, as it stands in the pipeline file. */
  readonly config: Config
}

/**
 * Thrown for a peer that cannot be reached now: the stage is blocked and calls again until it can, and
 * nothing is dead-lettered. Any error whose `code` is `PEER_UNAVAILABLE` is taken for it.
 */
export class PeerUnavailable extends Error {
  override readonly name = 'PeerUnavailable'
  readonly code = 'PEER_UNAVAILABLE'
}

/**
 * Thrown for a peer that refuses this record: the function is called again as often as `retry.max` of
 * the stage says, then the record fails. Any error whose `code` is `PEER_REJECTED` is taken for it. All other
 * errors fail the record at once.
 */
export class PeerRejected extends Error {
  override readonly name = 'PeerRejected'
  readonly code = 'PEER_REJECTED'
}
