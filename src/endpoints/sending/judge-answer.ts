import type { HttpAnswer } from '../../core/http-client.ts'
import { decodeJson, isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts'

/** What a peer's answer says of the records of one request. */
export type Verdict =
  | { readonly kind: 'taken' }
  /** All of them have to come again, after so long at least. */
  | { readonly kind: 'away'; readonly why: string; readonly afterMs: number }
  /** `isOfOne`: another record among them may be to blame, so that the rest is worth to be sent again. */
  | { readonly kind: 'refused'; readonly why: string; readonly isOfOne: boolean }
  /** By record; null: it was taken. */
  | { readonly kind: 'partly'; readonly records: readonly (RecordVerdict | null)[] }

export interface RecordVerdict {
  readonly kind: 'away' | 'refused'
  readonly why: string
}

const waitable = new Set([408, 425, 429])
/** What is wrong is in the body, not with the address or the credentials. */
const ofContent = new Set([400, 409, 413, 422])
const multiStatus = 207
const maxShownText = 200

/** @param nowMs for a `Retry-After` that names a time. */
export function judgeAnswer(answer: HttpAnswer, count: number, nowMs: number): Verdict {
  const { status } = answer
  if (status >= 200 && status < 300) return judgeSuccess(answer, count)
  const why = `it answered ${status}${shownBody(answer)}`
  if (status >= 500 || waitable.has(status))
    return { kind: 'away', why, afterMs: retryAfterMs(answer.headers.get('retry-after'), nowMs) }
  // Nothing is wrong with the record.
  if (status < 400)
    return { kind: 'away', why: `${why}; set url to where it leads, or redirects`, afterMs: 0 }
  return { kind: 'refused', why, isOfOne: ofContent.has(status) }
}

function judgeSuccess(answer: HttpAnswer, count: number): Verdict {
  const body = jsonOf(answer)
  const records = namedFailures(body, count) ?? listedStatuses(body, count)
  if (records !== null)
    return records.every((each) => each === null) ? { kind: 'taken' } : { kind: 'partly', records }
  if (answer.status !== multiStatus) return { kind: 'taken' }
  const why = 'it answered 207 and did not say which records it took'
  return { kind: 'refused', why, isOfOne: false }
}

/** `{"failed": [{"index": 0, "status": 400, "message": "..."}]}` */
function namedFailures(body: JsonValue, count: number): (RecordVerdict | null)[] | null {
  if (!isJsonObject(body) || !Array.isArray(body['failed'])) return null
  const records = Array.from({ length: count }, (): RecordVerdict | null => null)
  for (const failure of body['failed']) {
    const index = isJsonObject(failure) ? failure['index'] : failure
    if (typeof index !== 'number' || index < 0 || index >= count) return null
    records[index] = isJsonObject(failure)
      ? (verdictOf(failure) ?? { kind: 'refused', why: textOf(failure) })
      : { kind: 'refused', why: 'it was named among those that failed' }
  }
  return records
}

/** A list with one status for each record, bare or under `items` or `results`, as bulk interfaces have it. */
function listedStatuses(body: JsonValue, count: number): (RecordVerdict | null)[] | null {
  const list = isJsonObject(body) ? (body['items'] ?? body['results']) : body
  if (!Array.isArray(list) || list.length !== count) return null
  const statuses = list.map((item) => (isJsonObject(item) ? withStatus(item) : null))
  if (statuses.some((item) => item === null)) return null
  return statuses.map((item) => verdictOf(item!))
}

/** The item itself, or what is under its only name: `{"index": {"status": 201}}`. */
function withStatus(item: JsonObject): JsonObject | null {
  if (typeof item['status'] === 'number') return item
  const [inner, ...others] = Object.values(item)
  return others.length === 0 && isJsonObject(inner) && typeof inner['status'] === 'number'
    ? inner
    : null
}

function verdictOf(item: JsonObject): RecordVerdict | null {
  const { status } = item
  if (typeof status !== 'number' || status < 300) return null
  const kind = status >= 500 || waitable.has(status) ? 'away' : 'refused'
  return { kind, why: `it answered ${status} for this record${textOf(item)}` }
}

function textOf(item: JsonObject): string {
  const told = item['message'] ?? item['error'] ?? item['detail']
  if (told === undefined || told === null) return ''
  const text = typeof told === 'string' ? told : JSON.stringify(told)
  return `: ${printable(text)}`
}

function jsonOf({ headers, body, isCut }: HttpAnswer): JsonValue {
  if (isCut || body.length === 0 || headers.get('content-type')?.includes('json') !== true)
    return null
  try {
    return decodeJson(Buffer.from(body).toString('utf8'))
  } catch {
    return null
  }
}

function shownBody({ body }: HttpAnswer): string {
  const text = printable(Buffer.from(body.subarray(0, 4 * maxShownText)).toString('utf8'))
  return text === '' ? '' : `: ${text}`
}

function printable(text: string): string {
  const line = text.replaceAll(/\p{Cc}+/gu, ' ').trim()
  return line.length > maxShownText ? `${line.slice(0, maxShownText)}...` : line
}

const maxRetryAfterMs = 300_000

function retryAfterMs(header: string | undefined, nowMs: number): number {
  if (header === undefined) return 0
  const ms = /^\d+$/.test(header) ? 1_000 * Number(header) : Date.parse(header) - nowMs
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), maxRetryAfterMs) : 0
}
