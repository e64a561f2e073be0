import type { ServerResponse } from 'node:http'
import type { EndpointEnvironment, ReadRequest, Source, SourceSlice } from '../../core/endpoints.ts'
import { invariant } from '../../core/errors.ts'
import type { JsonValue } from '../../core/json.ts'
import type { OpenRoute } from '../../core/listening.ts'
import { appendHeaders, emptyBatch } from '../../core/record-batch.ts'
import { RecordBatchBuilder } from '../../core/record-batch-builder.ts'
import { isLoopback } from '../listening/shared-server.ts'
import type { ResultSetting } from '../replies/result-setting.ts'
import { replyHeader } from '../replies/result-waiters.ts'
import type { Arrival } from './arrival.ts'
import { ArrivalQueue, type QueueLimits } from './arrival-queue.ts'
import { problems, Refusals, sendAccepted } from './http-answers.ts'
import { HttpIntake, type IntakeSetting } from './http-intake.ts'
import { HttpReplies } from './http-replies.ts'
import type { BodyMeter } from './read-body.ts'
import { RequestKeys, type RequestKeysOptions } from './request-keys.ts'

export interface HttpSourceSetting extends IntakeSetting {
  readonly host: string
  readonly port: number
  readonly path: string
  readonly queue: QueueLimits
  /** Until a request has its answer. */
  readonly timeoutMs: number
  readonly keys: RequestKeysOptions
  /** null: the answer is that it is stored. */
  readonly reply: ResultSetting | null
}

/** Records with which a commit does not get much cheaper for each. */
const fullCommit = 512
const gatherMs = 2
/** How often those who wait are looked after. */
const sweepMs = 200

/** Requests become records in the order of their arrival; each is answered once its records are committed. */
export class HttpSource implements Source {
  readonly #setting: HttpSourceSetting
  readonly #environment: EndpointEnvironment
  readonly #queue: ArrivalQueue
  readonly #meter: BodyMeter = { bytes: 0 }
  readonly #keys: RequestKeys
  /** Those whose key is not committed yet. */
  readonly #pending = new Map<string, Arrival>()
  /** Read, and not committed yet, in order. */
  #inFlight: { readonly positions: SourceSlice['positions']; readonly arrivals: Arrival[] }[] = []
  readonly #replies: HttpReplies | null
  readonly #refusals: Refusals
  readonly #closing = new AbortController()
  readonly #builder = new RecordBatchBuilder('')
  /** Requests that are worth to be waited for. */
  #expected = 0
  #gathering = 0
  #opened: Promise<OpenRoute> | null = null

  constructor(
    setting: HttpSourceSetting,
    environment: EndpointEnvironment,
    positions: ReadonlyMap<string, JsonValue>,
  ) {
    this.#setting = setting
    this.#environment = environment
    this.#queue = new ArrivalQueue(setting.queue)
    this.#keys = new RequestKeys(setting.keys, positions)
    this.#refusals = new Refusals(environment)
    this.#replies =
      setting.reply === null ? null : new HttpReplies(setting.reply, environment, this.#refusals)
  }

  async read({ maxRecords, maxBytes, signal }: ReadRequest): Promise<SourceSlice | null> {
    // Tried again by the next call: the topic of replies may be away.
    this.#opened ??= this.#open().catch((thrown: unknown) => {
      this.#opened = null
      throw thrown
    })
    await this.#opened
    await this.#queue.until(() => this.#isWorthReading(), signal)
    if (signal.aborted) return null
    return this.#slice(this.#queue.take(maxRecords, maxBytes))
  }

  committed(positions: SourceSlice['positions']): void {
    const at = this.#inFlight.findIndex((slice) => slice.positions === positions)
    if (at === -1) return
    const { arrivals } = this.#inFlight.splice(at, 1)[0]!
    for (const arrival of arrivals) this.#stored(arrival)
    void this.#gather(arrivals.length)
  }

  lag(): number {
    return this.#queue.records
  }

  async close(): Promise<void> {
    this.#closing.abort()
    const unread = this.#queue.takeOlder(Number.POSITIVE_INFINITY)
    for (const { responses } of unread) this.#refusals.send(responses, problems.stopping)
    for (const { arrivals } of this.#inFlight)
      for (const { responses } of arrivals) this.#refusals.send(responses, problems.unsure)
    this.#replies?.close()
    const route = await this.#opened?.catch(() => null)
    await route?.close()
  }

  /**
   * One large commit is cheaper than two small ones: while one is under way the next is gathered, and after
   * it, for a moment, as many as it has answered. Clients that wait for their answer come again together.
   */
  #isWorthReading(): boolean {
    const { requests, records } = this.#queue
    if (records >= fullCommit) return true
    return requests > 0 && this.#inFlight.length === 0 && requests >= this.#expected
  }

  async #gather(count: number): Promise<void> {
    this.#expected = count
    this.#queue.poke()
    if (count < 2) return
    const gathering = (this.#gathering += 1)
    await this.#environment.clock.sleep(gatherMs)
    if (gathering !== this.#gathering) return
    this.#expected = 0
    this.#queue.poke()
  }

  async #open(): Promise<OpenRoute> {
    const { listening, notice, tell, clock } = this.#environment
    invariant(listening !== undefined, 'an http source has nowhere to listen')
    await this.#replies?.open(this.#closing.signal)
    const { host, port, path, token } = this.#setting
    const intake = new HttpIntake({
      setting: this.#setting,
      clock,
      meter: this.#meter,
      refusals: this.#refusals,
      hasRoom: () => this.#queue.hasRoom(this.#meter.bytes) && this.#replies?.hasRoom !== false,
      accept: (arrival) => this.#accept(arrival),
    })
    const request = (...exchange: Parameters<HttpIntake['take']>) => {
      if (this.#closing.signal.aborted) this.#refusals.send([exchange[1]], problems.stopping)
      else intake.take(...exchange)
    }
    const route = await listening.open({ host, port, path, owner: 'the http source' }, { request })
    tell?.(`the http source listens on http://${host}:${route.port}${path}`)
    if (token === null && !isLoopback(host))
      notice(
        `the http source on ${host}:${route.port}${path} takes records from whoever reaches it; set token to let in those who know it only`,
      )
    void this.#sweep()
    return route
  }

  #accept(arrived: Omit<Arrival, 'replyIds'>): void {
    const { key, responses, values } = arrived
    if (this.#closing.signal.aborted) this.#refusals.send(responses, problems.stopping)
    else if (key !== null && this.#isKnown(key, responses)) return
    else if (values.length === 0) sendAccepted(responses, 0)
    else {
      const replyIds = this.#replies?.nextIds(values.length) ?? []
      const arrival = { ...arrived, replyIds }
      if (key !== null) this.#pending.set(key.name, arrival)
      this.#replies?.wait(arrival)
      this.#queue.add(arrival)
    }
  }

  /** @returns whether it was answered, or will be with the one that came first. */
  #isKnown(
    { name, fingerprint }: NonNullable<Arrival['key']>,
    responses: ServerResponse[],
  ): boolean {
    const pending = this.#pending.get(name)
    const accepted = this.#keys.get(name, this.#environment.clock.wallMs())
    const known = pending?.key?.fingerprint ?? accepted?.fingerprint
    if (known === undefined) return false
    this.#refusals.count('duplicate')
    if (known !== fingerprint) this.#refusals.send(responses, problems.otherBody)
    else if (pending !== undefined) pending.responses.push(...responses)
    else if (this.#replies !== null) this.#replies.repeat(name, responses)
    else sendAccepted(responses, accepted?.records ?? 0)
    return true
  }

  #slice(arrivals: Arrival[]): SourceSlice {
    const positions = new Map<string, JsonValue>(
      this.#keys.forget(this.#environment.clock.wallMs()),
    )
    const starts: number[] = []
    for (const arrival of arrivals) {
      starts.push(this.#builder.count)
      this.#append(arrival)
      const { key, timestampMs: atMs, values } = arrival
      if (key === null) continue
      const accepted = { atMs, records: values.length, fingerprint: key.fingerprint }
      positions.set(...this.#keys.position(key.name, accepted))
    }
    this.#inFlight.push({ positions, arrivals })
    return {
      batch: arrivals.length === 0 ? emptyBatch() : this.#builder.finish(),
      failures: [],
      positions,
      info: (index) => {
        const at = lastNotAbove(starts, index)
        return { ...arrivals[at]!.info(), line: index - starts[at]! + 1 }
      },
    }
  }

  #append({ values, headersOf, timestampMs, ingestUs, replyIds }: Arrival): void {
    const times = { timestampMs, eventTimeMs: Number.NaN, ingestUs, waitUs: 0, runUs: 0 }
    for (const [index, value] of values.entries()) {
      const own = headersOf(index)
      const replyId = replyIds[index]
      const headers = replyId === undefined ? own : appendHeaders(own, [[replyHeader, replyId]])
      this.#builder.append({ key: null, value, headers, times })
    }
  }

  #stored({ key, timestampMs: atMs, values, responses }: Arrival): void {
    const records = values.length
    if (key !== null) {
      this.#pending.delete(key.name)
      this.#keys.add(key.name, { atMs, records, fingerprint: key.fingerprint })
    }
    // The others get their result.
    if (this.#replies === null) sendAccepted(responses, records)
  }

  /** Answers those whose time is over. */
  async #sweep(): Promise<void> {
    const { clock } = this.#environment
    const { signal } = this.#closing
    while (!signal.aborted) {
      await clock.sleep(sweepMs, signal)
      const sinceUs = clock.monotonicUs() - 1_000 * this.#setting.timeoutMs
      for (const { key, responses } of this.#queue.takeOlder(sinceUs)) {
        if (key !== null) this.#pending.delete(key.name)
        this.#refusals.send(responses, problems.late)
      }
      for (const { arrivals } of this.#inFlight)
        for (const { ingestUs, responses } of arrivals)
          if (ingestUs < sinceUs) this.#refusals.send(responses, problems.unsure)
    }
  }
}

/** The place of the last of ascending numbers that is not above `limit`. */
function lastNotAbove(ascending: readonly number[], limit: number): number {
  let low = 0
  let high = ascending.length - 1
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (ascending[middle]! <= limit) low = middle
    else high = middle - 1
  }
  return low
}
