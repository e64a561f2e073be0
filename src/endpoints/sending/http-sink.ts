import type { Clock } from '../../core/clock.ts'
import type {
  EndpointEnvironment,
  Sink,
  SinkMemory,
  SinkOrigins,
  SinkReceipt,
} from '../../core/endpoints.ts'
import { invariant, PipelineError } from '../../core/errors.ts'
import type { HttpClient, HttpRequest } from '../../core/http-client.ts'
import type { RecordBatch } from '../../core/record-batch.ts'
import { judgeAnswer, type Verdict } from './judge-answer.ts'
import { RequestMaker, type Letter, type RequestSetting } from './request-maker.ts'
import { SendingLanes } from './sending-lanes.ts'

export interface HttpSinkSetting extends RequestSetting {
  readonly method: string
  readonly maxRecords: number
  readonly maxBytes: number
  /** Requests under way at a time. */
  readonly concurrency: number
  readonly deadlineMs: number
  readonly redirects: number
  readonly addresses: HttpRequest['addresses']
}

/** Of an answer: enough to say of each record of a request what became of it. */
const maxAnswerBytes = 1024 * 1024

/** What became of the records of a batch so far. It is kept while the peer is away, so that none is sent twice. */
interface Progress {
  readonly batch: RecordBatch
  readonly isDone: Uint8Array
  readonly failures: SinkReceipt['failures'][number][]
  readonly refused: { readonly index: number; readonly message: string }[]
}

/** Sends records, those of one key in their order. */
export class HttpSink implements Sink {
  readonly #setting: HttpSinkSetting
  readonly #http: HttpClient
  readonly #clock: Clock
  readonly #maker: RequestMaker
  #progress: Progress | null = null
  /** Until then the peer wants to be left alone, epoch µs. */
  #quietUntilUs = 0

  constructor(setting: HttpSinkSetting, { http, clock }: EndpointEnvironment) {
    invariant(http !== undefined, 'an http sink has nothing to send with')
    this.#setting = setting
    this.#http = http
    this.#clock = clock
    this.#maker = new RequestMaker(setting)
  }

  begin(): Promise<SinkMemory> {
    return Promise.resolve(null)
  }

  async write(
    batch: RecordBatch,
    signal: AbortSignal,
    origins?: SinkOrigins,
  ): Promise<SinkReceipt> {
    if (this.#progress?.batch !== batch) this.#progress = begun(batch)
    const progress = this.#progress
    const quietMs = (this.#quietUntilUs - this.#clock.monotonicUs()) / 1_000
    if (quietMs > 0) await this.#clock.sleep(quietMs, signal)
    const lanes = new SendingLanes(this.#setting)
    for (let index = 0; index < batch.count; index++) {
      if (progress.isDone[index] === 1 || batch.isMarker(index)) continue
      const letter = this.#maker.letter(batch, index)
      if ('url' in letter) lanes.add(letter, batch.key(index))
      else {
        progress.isDone[index] = 1
        progress.failures.push(letter)
      }
    }
    await lanes.run((letters) => this.#send(letters, { progress, origins, signal }))
    this.#progress = null
    const { failures, refused } = progress
    return { memory: null, failures, refused }
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  /** @throws PipelineError PEER_UNAVAILABLE; the records that were taken are noted before. */
  async #send(letters: readonly Letter[], of: Sending): Promise<void> {
    const { method, deadlineMs, redirects, addresses } = this.#setting
    const { progress, origins, signal } = of
    const { url } = letters[0]!
    const answer = await this.#http.send({
      method,
      url,
      headers: this.#maker.headersOf(letters, progress.batch, origins),
      body: this.#maker.bodyOf(letters),
      deadlineMs,
      maxAnswerBytes,
      maxRedirects: redirects,
      addresses,
      signal,
    })
    const verdict = judgeAnswer(answer, letters.length, this.#clock.wallMs())
    if (verdict.kind === 'refused' && verdict.isOfOne && letters.length > 1) {
      // Somewhere among them is one that the peer does not take.
      const half = letters.length >> 1
      await this.#send(letters.slice(0, half), of)
      await this.#send(letters.slice(half), of)
    } else this.#note(letters, verdict, progress)
  }

  /** @throws PipelineError PEER_UNAVAILABLE */
  #note(letters: readonly Letter[], verdict: Verdict, progress: Progress): void {
    const host = URL.parse(letters[0]!.url)?.host ?? ''
    if (verdict.kind === 'away') {
      const untilUs = this.#clock.monotonicUs() + 1_000 * verdict.afterMs
      this.#quietUntilUs = Math.max(this.#quietUntilUs, untilUs)
      throw new PipelineError('PEER_UNAVAILABLE', `${host}: ${verdict.why}`)
    }
    let away: string | null = null
    for (const [at, { index }] of letters.entries()) {
      const own =
        verdict.kind === 'partly'
          ? (verdict.records[at] ?? null)
          : verdict.kind === 'refused'
            ? verdict
            : null
      if (own?.kind === 'away') {
        away ??= own.why
        continue
      }
      progress.isDone[index] = 1
      if (own !== null) progress.refused.push({ index, message: `${host}: ${own.why}` })
    }
    if (away !== null) throw new PipelineError('PEER_UNAVAILABLE', `${host}: ${away}`)
  }
}

interface Sending {
  readonly progress: Progress
  readonly origins: SinkOrigins | undefined
  readonly signal: AbortSignal
}

function begun(batch: RecordBatch): Progress {
  return { batch, isDone: new Uint8Array(batch.count), failures: [], refused: [] }
}
