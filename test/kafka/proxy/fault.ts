import { type ApiName, apiKeys } from '../../../src/logs/kafka/client/api-keys.ts'
import type { RequestHeader } from './kafka-frames.ts'

/**
 * What is done to a request or to its response:
 * - `drop_response`: the broker executes the request; the client loses its connection instead of the answer;
 * - `drop_request`: the client loses its connection, and the broker never sees the request;
 * - `cut_inside_response`: half of the answer, then the end of the connection;
 * - `hold_request`: it stays in the proxy until `release`, also when the client has gone by then;
 * - `hold_response`: the same for the answer;
 * - `slice_response`: the answer comes byte by byte;
 * - `answer`: the broker never sees the request; the client gets this answer.
 */
export type FaultAction =
  | 'drop_response'
  | 'drop_request'
  | 'cut_inside_response'
  | 'hold_request'
  | 'hold_response'
  | 'slice_response'
  | { readonly delayRequestMs: number }
  | { readonly delayResponseMs: number }
  /** Returns what follows the correlation id in the answer. */
  | { readonly answer: (request: RequestHeader) => Uint8Array }

export interface FaultPlan {
  /** Any request when left out. */
  readonly api?: ApiName
  /** Which of those requests, from now on, counted over all connections: 1, the next, or all. */
  readonly nth?: number | 'every'
  readonly action: FaultAction
}

/** A fault that a test asked for, and how often it has happened. */
export class Fault {
  readonly plan: FaultPlan
  times = 0
  readonly #happened = Promise.withResolvers<void>()
  readonly #released = Promise.withResolvers<void>()
  #seen = 0
  #removed = false

  constructor(plan: FaultPlan) {
    this.plan = plan
  }

  /** Resolves once it has happened for the first time. */
  get happened(): Promise<void> {
    return this.#happened.promise
  }

  /** What `hold_request` and `hold_response` wait for. */
  get released(): Promise<void> {
    return this.#released.promise
  }

  /** Lets go what it holds, and happens no more. */
  release(): void {
    this.#removed = true
    this.#released.resolve()
  }

  /** Whether this request is one that it wants; called once for each request. */
  wants({ apiKey }: RequestHeader): boolean {
    const { api, nth = 1 } = this.plan
    if (this.#removed || (api !== undefined && apiKeys[api] !== apiKey)) return false
    this.#seen += 1
    return nth === 'every' || nth === this.#seen
  }

  /** The request that it wanted was lost by another fault before its time came: it waits for the next one. */
  missed(): void {
    if (this.times === 0) this.#seen -= 1
  }

  count(): void {
    this.times += 1
    this.#happened.resolve()
  }

  toString(): string {
    const { api = 'any request', nth = 1, action } = this.plan
    const name = typeof action === 'string' ? action : Object.keys(action).join()
    return `${name} of ${api} (${nth === 'every' ? 'every' : `number ${nth}`})`
  }
}
