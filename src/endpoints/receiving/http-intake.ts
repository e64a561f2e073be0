import { hash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../../core/clock.ts'
import { putField } from '../../core/copy-json.ts'
import { asPipelineError } from '../../core/errors.ts'
import type { JsonObject } from '../../core/json.ts'
import { emptyBytes, encodeHeaders, type WrittenHeader } from '../../core/record-batch.ts'
import type { SourceInfo } from '../../core/step-record.ts'
import { traceContextOf } from '../../core/trace-context.ts'
import type { CsvOptions, InputFormat } from '../formats/input-format.ts'
import type { Problem } from '../listening/problem.ts'
import { pathOf } from '../listening/shared-server.ts'
import type { Arrival } from './arrival.ts'
import { BodyProblem } from './body-problem.ts'
import { binaryEventHeaders, isBinaryEvent, structuredEvents } from './cloud-events.ts'
import { bodyKind, mediaType, type BodyKind } from './content-type.ts'
import { cutBody, type RecordBytes } from './cut-body.ts'
import { problems, type Refusals } from './http-answers.ts'
import { decompressed, isKnownEncoding, readBody, tooLarge, type BodyMeter } from './read-body.ts'

export interface IntakeSetting {
  readonly format: InputFormat | 'json' | 'auto'
  readonly csv: CsvOptions
  readonly maxBody: number
  /** null: anybody may send. */
  readonly token: string | null
  /** Whether a request without an `Idempotency-Key` is refused. */
  readonly needsKey: boolean
}

export interface IntakeOptions {
  readonly setting: IntakeSetting
  readonly clock: Clock
  readonly meter: BodyMeter
  readonly refusals: Refusals
  /** Whether one more request may wait. */
  readonly hasRoom: () => boolean
  readonly accept: (arrival: Omit<Arrival, 'replyIds'>) => void
}

interface Head {
  readonly kind: BodyKind
  readonly encoding: string | undefined
  readonly keyName: string | null
}

interface Content {
  readonly values: Arrival['values']
  readonly headersOf: Arrival['headersOf']
}

const maxKeyLength = 255
const maxIgnoredBytes = 16 * 1024 * 1024
/** They would be secrets wherever records go. */
const hiddenHeaders = new Set(['authorization', 'proxy-authorization', 'cookie'])

/** Makes records of requests, or tells their senders why not. */
export class HttpIntake {
  readonly #options: IntakeOptions
  readonly #tokenHash: Buffer | null

  constructor(options: IntakeOptions) {
    this.#options = options
    const { token } = options.setting
    this.#tokenHash = token === null ? null : digest(`Bearer ${token}`)
  }

  take(request: IncomingMessage, response: ServerResponse): void {
    const head = this.#judge(request)
    if ('status' in head) {
      this.#refuse(request, response, head)
      return
    }
    const { meter, setting } = this.#options
    readBody(
      request,
      { maxBytes: setting.maxBody, meter },
      {
        whole: (body) => this.#took(body, head, { request, response }),
        tooLong: () => this.#refuse(request, response, tooLarge(setting.maxBody)),
        gone: () => this.#options.refusals.count('unfinished'),
      },
    )
  }

  /** What can be told before the body is there. */
  #judge(request: IncomingMessage): Head | Problem {
    const { setting, hasRoom } = this.#options
    const { method, headers } = request
    if (method !== 'POST')
      return { ...problem(405, 'method', 'only POST'), headers: { allow: 'POST' } }
    if (!this.#isAllowed(headers.authorization)) return unauthorized
    if (isForeign(headers))
      return problem(403, 'origin', 'pages of other sites may not send anything here')
    if (Number(headers['content-length'] ?? 0) > setting.maxBody) return tooLarge(setting.maxBody)
    const encoding = headers['content-encoding']?.trim().toLowerCase()
    if (!isKnownEncoding(encoding))
      return problem(415, 'encoding', 'content-encoding can be gzip, deflate, br or zstd')
    const kind = bodyKind(setting.format, mediaType(headers['content-type']))
    if (kind === null) return wrongType(setting.format)
    const keyName = headers['idempotency-key'] ?? null
    if (Array.isArray(keyName) || keyName?.length === 0 || (keyName?.length ?? 0) > maxKeyLength)
      return problem(400, 'key', `an Idempotency-Key has 1 to ${maxKeyLength} characters`)
    if (keyName === null && setting.needsKey)
      return problem(400, 'key', 'send an Idempotency-Key, another one for each request')
    if (!hasRoom()) return problems.queueFull
    return { kind, encoding, keyName }
  }

  #took(body: Buffer, head: Head, of: Exchange): void {
    if (head.encoding === undefined || head.encoding === 'identity') this.#read(body, head, of)
    else void this.#decompress(body, { ...head, encoding: head.encoding }, of)
  }

  async #decompress(
    body: Buffer,
    head: Head & { readonly encoding: string },
    of: Exchange,
  ): Promise<void> {
    try {
      const { maxBody } = this.#options.setting
      this.#read(await decompressed(body, head.encoding, maxBody), head, of)
    } catch (thrown) {
      this.#options.refusals.send([of.response], problemOf(thrown))
    }
  }

  #read(body: Buffer, { kind, keyName }: Head, { request, response }: Exchange): void {
    const { clock, accept } = this.#options
    try {
      const { values, headersOf } = this.#contentOf(body, kind, request.headers)
      accept({
        values,
        headersOf,
        bytes: body.length,
        info: infoOf(request),
        timestampMs: clock.wallMs(),
        ingestUs: clock.monotonicUs(),
        key:
          keyName === null
            ? null
            : { name: keyName, fingerprint: hash('sha256', body, 'base64url').slice(0, 22) },
        responses: [response],
      })
    } catch (thrown) {
      this.#options.refusals.send([response], problemOf(thrown))
    }
  }

  #contentOf(body: Buffer, kind: BodyKind, headers: IncomingHttpHeaders): Content {
    const traced = traceHeaders(headers)
    if (kind === 'cloud_event' || kind === 'cloud_events') {
      const events = structuredEvents(body, kind === 'cloud_events')
      return {
        values: events.map(({ value }) => value),
        headersOf: (index) => {
          const own = events[index]!.headers
          const isTraced = own.some(([name]) => name === 'ce_traceparent')
          return encodeHeaders(isTraced ? own : [...own, ...traced])
        },
      }
    }
    const { format, csv } = this.#options.setting
    const isEvent = isBinaryEvent(headers)
    const values: readonly RecordBytes[] = cutBody(body, kind, {
      csv,
      isMany: format === 'auto' && !isEvent,
    })
    const event = isEvent ? binaryEvent(headers) : []
    const all =
      event.length + traced.length === 0 ? emptyBytes : encodeHeaders([...event, ...traced])
    return { values, headersOf: () => all }
  }

  #isAllowed(authorization: string | undefined): boolean {
    return (
      this.#tokenHash === null ||
      (authorization !== undefined && timingSafeEqual(digest(authorization), this.#tokenHash))
    )
  }

  /**
   * The rest of the body is read for a while and comes to nothing: who is cut off while it sends may never
   * see the answer.
   */
  #refuse(request: IncomingMessage, response: ServerResponse, refused: Problem): void {
    this.#options.refusals.send([response], refused)
    let ignored = 0
    request.on('error', () => {})
    request.on('data', (part: Buffer) => {
      ignored += part.length
      if (ignored > maxIgnoredBytes) request.socket.destroy()
    })
  }
}

interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

const unauthorized: Problem = {
  status: 401,
  code: 'token',
  detail: 'send the header `Authorization: Bearer` with the token of this path',
  headers: { 'www-authenticate': 'Bearer' },
}

function problem(status: number, code: string, detail: string): Problem {
  return { status, code, detail }
}

function wrongType(format: IntakeSetting['format']): Problem {
  const detail =
    format === 'auto'
      ? 'set content-type to application/json, application/x-ndjson, text/csv, text/plain, application/octet-stream or one of CloudEvents'
      : `set content-type to one of ${format}, or leave it out`
  return problem(415, 'content_type', detail)
}

function problemOf(thrown: unknown): Problem {
  if (thrown instanceof BodyProblem) return thrown
  return problem(500, asPipelineError(thrown).code, 'this request met an error of the pipeline')
}

function binaryEvent(headers: IncomingHttpHeaders): WrittenHeader[] {
  const type = headers['content-type']
  const event = binaryEventHeaders(headers)
  return type === undefined ? event : [...event, ['content-type', type]]
}

/** A context that breaks the rules of W3C counts as not there. */
function traceHeaders(headers: IncomingHttpHeaders): readonly WrittenHeader[] {
  const { traceparent, tracestate } = headers
  if (typeof traceparent !== 'string') return noHeaders
  const own: WrittenHeader[] = [['traceparent', traceparent]]
  if (traceContextOf(encodeHeaders(own)) === null) return noHeaders
  if (typeof tracestate === 'string') own.push(['tracestate', tracestate])
  return own
}

const noHeaders: readonly WrittenHeader[] = []

/** A page of another site that a browser lets send: browsers say so. */
function isForeign({ origin, host }: IncomingHttpHeaders): boolean {
  return origin !== undefined && URL.parse(origin)?.host !== host
}

function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer')
}

/** What `source` is in expressions; made when it is asked for. */
function infoOf(request: IncomingMessage): () => SourceInfo {
  const ip = request.socket.remoteAddress?.replace(/^::ffff:/, '') ?? null
  return () => {
    const headers: JsonObject = {}
    for (const [name, value] of Object.entries(request.headers)) {
      if (value === undefined || hiddenHeaders.has(name)) continue
      putField(headers, name, typeof value === 'string' ? value : value.join(', '))
    }
    return { path: pathOf(request), query: queryOf(request), headers, remote_ip: ip }
  }
}

/** Values by name; of a name that comes several times a list of them. */
function queryOf({ url = '' }: IncomingMessage): JsonObject {
  const query: JsonObject = {}
  const at = url.indexOf('?')
  if (at === -1) return query
  const given = new URLSearchParams(url.slice(at + 1))
  for (const name of new Set(given.keys())) {
    const values = given.getAll(name)
    putField(query, name, values.length === 1 ? values[0]! : values)
  }
  return query
}
