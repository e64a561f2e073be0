import { appendHeaders, emptyBytes, nullHeaderLength, uncountedHeaders } from './record-batch.ts'

/**
 * W3C Trace Context (level 2) in the headers of records: `traceparent` and `tracestate`, and
 * `ce_traceparent` of CloudEvents where there is no other. What does not follow the rules counts as not
 * there, as the standard wants: it is never an error of the record.
 */
export interface TraceContext {
  /** 32 lower-case hexadecimal digits, not all of them 0. */
  readonly traceId: string
  /** 16 of them: the span that wrote the record. */
  readonly spanId: string
  /** `traceFlag` values. */
  readonly flags: number
  /** The valid list of `tracestate`, or an empty text. */
  readonly state: string
}

export const traceFlag = {
  sampled: 1,
  /** The id is random enough to sample by. */
  random: 2,
} as const

export const traceparentName = 'traceparent'
export const tracestateName = 'tracestate'
/** `00-<trace id>-<span id>-<flags>`; later versions may have more behind another `-`. */
const traceparentBytes = 55
const flagsAt = 53
const knownFlags = traceFlag.sampled | traceFlag.random
/** Vendors in one `tracestate`. */
const maxStateMembers = 32
/** Of a longer `tracestate` members are left out: first those above `longMember`, then from the end. */
const maxStateLength = 512
const longMember = 128
/** Of what is read of one header: more is no list of 32 members. */
const maxStateBytes = 16_384

const dash = 0x2d

/**
 * Where the value of the last `traceparent` lies in encoded headers, or of `ce_traceparent` where there is
 * none; -1 where there is neither, or its value is not valid. No allocation: it runs for every record with
 * headers.
 */
export function findTraceparent(data: Uint8Array, start: number, end: number): number {
  const found = locateTraceparent(data, start, end)
  return found !== -1 && isTraceparent(data, found, valueEnd(data, found)) ? found : -1
}

/** The same without a look at whether it is valid, but for its length. */
export function locateTraceparent(data: Uint8Array, start: number, end: number): number {
  let own = -1
  let cloudEvent = -1
  for (let at = start + 2; at + 6 <= end;) {
    const nameBytes = data[at]! | (data[at + 1]! << 8)
    const nameEnd = at + 2 + nameBytes
    const valueAt = nameEnd + 4
    if (valueAt > end) break
    const length = lengthAt(data, nameEnd)
    if (nameBytes === 11 && isNamed(data, at + 2, traceparentName)) own = placeOf(valueAt, length)
    else if (nameBytes === 14 && isNamed(data, at + 2, 'ce_traceparent'))
      cloudEvent = placeOf(valueAt, length)
    at = valueAt + (length === nullHeaderLength ? 0 : length)
  }
  const found = own === -1 ? cloudEvent : own
  return found >= 0 && valueEnd(data, found) <= end ? found : -1
}

/** The flags of a value that `findTraceparent` found. */
export function flagsOf(data: Uint8Array, valueAt: number): number {
  return (digit(data[valueAt + flagsAt]!) << 4) | digit(data[valueAt + flagsAt + 1]!)
}

/** The context at the value that `findTraceparent` found in these headers. */
export function traceContextAt(
  data: Buffer,
  headers: { readonly start: number; readonly end: number },
  valueAt: number,
): TraceContext {
  return {
    traceId: data.toString('latin1', valueAt + 3, valueAt + 35),
    spanId: data.toString('latin1', valueAt + 36, valueAt + 52),
    flags: flagsOf(data, valueAt) & knownFlags,
    state: stateIn(data, headers.start, headers.end),
  }
}

/** The context that encoded headers carry; null where they carry none that is valid. */
export function traceContextOf(headers: Uint8Array): TraceContext | null {
  const at = findTraceparent(headers, 0, headers.length)
  if (at === -1) return null
  const data = Buffer.from(headers.buffer, headers.byteOffset, headers.byteLength)
  return traceContextAt(data, { start: 0, end: headers.length }, at)
}

/** The value of a `traceparent`. */
export function traceparentOf({ traceId, spanId, flags }: TraceContext): string {
  return `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, '0')}`
}

/** Encoded headers with this context instead of the one they had. All others stay byte for byte, in their order. */
export function withTraceContext(headers: Uint8Array, context: TraceContext): Uint8Array {
  const { state } = context
  const value = traceparentOf(context)
  const states = state === '' ? [] : [[tracestateName, state] as const]
  return appendHeaders(withoutTraceContext(headers), [[traceparentName, value], ...states])
}

/** Encoded headers without their context. All others stay byte for byte, in their order. */
export function withoutTraceContext(headers: Uint8Array): Uint8Array {
  const kept = [headers.subarray(0, 2)]
  let keptFrom = 2
  for (let at = 2; at + 6 <= headers.length;) {
    const nameBytes = headers[at]! | (headers[at + 1]! << 8)
    const nameEnd = at + 2 + nameBytes
    const length = lengthAt(headers, nameEnd)
    const end = nameEnd + 4 + (length === nullHeaderLength ? 0 : length)
    const isOut =
      (nameBytes === 11 && isNamed(headers, at + 2, traceparentName)) ||
      (nameBytes === 10 && isNamed(headers, at + 2, tracestateName))
    if (isOut) {
      kept.push(headers.subarray(keptFrom, at))
      keptFrom = end
    }
    at = end
  }
  const removed = kept.length - 1
  if (removed === 0) return headers
  const bytes = Buffer.concat([...kept, headers.subarray(keptFrom)])
  if (bytes.length === 2) return emptyBytes
  const count = bytes.readUInt16LE(0)
  if (count !== uncountedHeaders) bytes.writeUInt16LE(count - removed, 0)
  return bytes
}

/**
 * The list of `tracestate`, as it may be handed on; empty where it breaks the rules.
 * @param text of all headers of that name, joined by commas.
 */
export function validTraceState(text: string): string {
  const members = text
    .split(',')
    .map((member) => member.replaceAll(/^[ \t]+|[ \t]+$/g, ''))
    .filter((member) => member !== '')
  if (members.length > maxStateMembers || !members.every((member) => memberPattern.test(member)))
    return ''
  const keys = new Set(members.map((member) => member.slice(0, member.indexOf('='))))
  if (keys.size < members.length) return ''
  return shortened(members).join(',')
}

const memberPattern =
  /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/

function shortened(members: readonly string[]): readonly string[] {
  if (members.join(',').length <= maxStateLength) return members
  const kept = members.filter(({ length }) => length <= longMember)
  while (kept.join(',').length > maxStateLength) kept.pop()
  return kept
}

function stateIn(data: Buffer, start: number, end: number): string {
  const found: string[] = []
  for (let at = start + 2; at + 6 <= end;) {
    const nameBytes = data.readUInt16LE(at)
    const nameEnd = at + 2 + nameBytes
    if (nameEnd + 4 > end) break
    const length = lengthAt(data, nameEnd)
    const size = length === nullHeaderLength ? 0 : length
    if (nameBytes === 10 && isNamed(data, at + 2, tracestateName)) {
      if (size > maxStateBytes) return ''
      found.push(data.toString('latin1', nameEnd + 4, nameEnd + 4 + size))
    }
    at = nameEnd + 4 + size
  }
  return found.length === 0 ? '' : validTraceState(found.join(','))
}

/** The place of a value that is long enough; -2 of one that is not, so that it hides those before it. */
function placeOf(valueAt: number, length: number): number {
  return length === nullHeaderLength || length < traceparentBytes ? -2 : valueAt
}

/** The length of a value stands right before it. */
function valueEnd(data: Uint8Array, valueAt: number): number {
  return valueAt + lengthAt(data, valueAt - 4)
}

function lengthAt(data: Uint8Array, at: number): number {
  return (data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24)) >>> 0
}

/** Names of headers are taken in upper case too; values are not. */
function isNamed(data: Uint8Array, at: number, name: string): boolean {
  for (let index = 0; index < name.length; index++) {
    const byte = data[at + index]!
    const expected = name.charCodeAt(index)
    if (byte !== expected && !(byte >= 0x41 && byte <= 0x5a && byte + 0x20 === expected))
      return false
  }
  return true
}

function isTraceparent(data: Uint8Array, at: number, end: number): boolean {
  const version = (digit(data[at]!) << 4) | digit(data[at + 1]!)
  if (!areDigits(data, at, at + 2) || version === 0xff) return false
  if (version === 0 ? end - at !== traceparentBytes : !mayEnd(data, at + traceparentBytes, end))
    return false
  if (data[at + 2] !== dash || data[at + 35] !== dash || data[at + 52] !== dash) return false
  return (
    areDigits(data, at + 3, at + 35) &&
    areDigits(data, at + 36, at + 52) &&
    areDigits(data, at + flagsAt, at + traceparentBytes) &&
    !areZero(data, at + 3, at + 35) &&
    !areZero(data, at + 36, at + 52)
  )
}

function mayEnd(data: Uint8Array, at: number, end: number): boolean {
  return at === end || data[at] === dash
}

function areDigits(data: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (digit(data[at]!) > 15) return false
  return true
}

function areZero(data: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (data[at] !== 0x30) return false
  return true
}

/** Of a lower-case hexadecimal digit its value; of anything else more than 15. */
function digit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  return byte >= 0x61 && byte <= 0x66 ? byte - 0x57 : 16
}
