import { messageOf, PipelineError } from '../../core/errors.ts'
import type { HttpAnswer, HttpClient } from '../../core/http-client.ts'
import { decodeJson, type JsonValue } from '../../core/json.ts'
import { StepRecord } from '../../core/step-record.ts'
import {
  tableKey,
  type HttpTableSettings,
  type Table,
  type TableEnvironment,
} from '../../core/table.ts'
import { AnswerCache } from './answer-cache.ts'

const statusNotFound = 404
const statusTimeout = 408
const statusGone = 410
const statusTooMany = 429
const firstServerError = 500
const firstOk = 200
const firstRedirect = 300
const maxRedirects = 3

/** What a peer has for a key; answers are kept for a time, also that there is none, and equal keys share a request. */
export class HttpTable implements Table {
  readonly #name: string
  readonly #settings: HttpTableSettings
  readonly #http: HttpClient
  readonly #cache: AnswerCache
  readonly #record = new StepRecord()
  readonly #stop = new AbortController()

  constructor(name: string, settings: HttpTableSettings, { http, clock }: TableEnvironment) {
    if (http === undefined)
      throw new PipelineError(
        'CONFIG_USAGE',
        `the table "${name}" asks over HTTP, and nothing is asked here`,
      )
    this.#name = name
    this.#settings = settings
    this.#http = http
    this.#cache = new AnswerCache(settings, clock)
  }

  find(key: JsonValue): JsonValue | undefined | Promise<JsonValue | undefined> {
    const text = tableKey(key)
    if (text === null) return undefined
    return this.#cache.get(text, () => this.#ask(text))
  }

  /** Calls under way are given up: nobody waits for them any more. */
  async close(): Promise<void> {
    this.#stop.abort()
  }

  async #ask(key: string): Promise<JsonValue | undefined> {
    const { url, headers, deadlineMs, maxAnswerBytes } = this.#settings
    this.#record.make({ key, value: null, eventTimeMs: Number.NaN })
    const answer = await this.#http.send({
      by: this.#name,
      method: 'GET',
      url: url.render(this.#record, encodeURIComponent),
      headers: { accept: 'application/json', ...headers },
      body: null,
      deadlineMs,
      maxAnswerBytes,
      maxRedirects,
      addresses: 'any',
      // Of the table, not of who asked first: others may wait for the same answer.
      signal: this.#stop.signal,
    })
    return this.#valueOf(answer)
  }

  #valueOf({ status, body, isCut }: HttpAnswer): JsonValue | undefined {
    if (status === statusNotFound || status === statusGone) return undefined
    const what = `the table "${this.#name}" was answered`
    if (status >= firstServerError || status === statusTooMany || status === statusTimeout)
      throw new PipelineError('PEER_UNAVAILABLE', `${what} with status ${status}`)
    if (status < firstOk || status >= firstRedirect)
      throw new PipelineError('PEER_REJECTED', `${what} with status ${status}`)
    if (isCut) {
      const most = this.#settings.maxAnswerBytes
      throw new PipelineError(
        'PEER_REJECTED',
        `${what} with more than ${most} bytes (\`max_answer\`)`,
      )
    }
    try {
      return decodeJson(Buffer.from(body).toString('utf8'))
    } catch (thrown) {
      throw new PipelineError('PEER_REJECTED', `${what} with what is no JSON: ${messageOf(thrown)}`)
    }
  }
}
