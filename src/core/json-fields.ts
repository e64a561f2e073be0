import { isUtf8 } from 'node:buffer'
import { decodeJson, encodeJson, type JsonObject, type JsonValue } from './json.ts'

const maxDepth = 64
const maxPlainNumberLength = 15

const quote = 34
const backslash = 92
const openBrace = 123
const closeBrace = 125
const openBracket = 91
const closeBracket = 93
const comma = 44
const colon = 58
const firstPrintable = 32
const firstNonAscii = 128

/** 1 for bytes that stand for themselves in a text; a byte that is not there is none of them. */
const isPlainText = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= firstPrintable && byte < firstNonAscii && byte !== quote && byte !== backslash ? 1 : 0,
)

/** Thrown for text that is no JSON, or that is left to the full decoder; a single value, for speed. */
const unsure = Symbol('unsure')

/**
 * Reads a few fields of a JSON object and checks the rest without making anything of it: where a
 * stage needs two fields of twenty, this takes a quarter of the time that decoding all of them does.
 * It accepts what JSON.parse accepts, and gives what that would give for the fields. What was read
 * last can be written again with other values for these fields.
 */
export class JsonFields {
  readonly #names: readonly string[]
  readonly #encoded: readonly Buffer[]
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  #end = 0
  #hasNonAscii = false
  #start = 0
  /** Fields of the object at hand, in the order in which they stand there, with their places. */
  readonly #found: number[] = []
  readonly #valueStart: number[] = []
  readonly #valueEnd: number[] = []
  readonly #before: JsonValue[] = []
  #isEmpty = true

  /** @param names of fields at the top level. */
  constructor(names: readonly string[]) {
    this.#names = names
    this.#encoded = names.map((name) => Buffer.from(name))
  }

  /**
   * The fields that are there; null when the text is no JSON object in valid UTF-8, nests deep, or has
   * one of the fields twice: the full decoder then says what is wrong with it, if anything.
   */
  read(bytes: Buffer, start: number, end: number): JsonObject | null {
    this.#bytes = bytes
    this.#start = start
    this.#at = start
    this.#end = end
    this.#found.length = 0
    this.#isEmpty = true
    this.#hasNonAscii = false
    try {
      const object = this.#readObject()
      if (skipSpace(bytes, this.#at, end) !== end) return null
      return this.#hasNonAscii && !isUtf8(bytes.subarray(start, end)) ? null : object
    } catch (thrown) {
      if (thrown === unsure) return null
      throw thrown
    }
  }

  /** The hot loop of all stages that read a few fields: places are local variables throughout. */
  #readObject(): JsonObject {
    const bytes = this.#bytes
    const end = this.#end
    const object: JsonObject = {}
    let at = this.#behind(openBrace, skipSpace(bytes, this.#at, end))
    if (at < end && bytes[at] === closeBrace) {
      this.#at = at + 1
      return object
    }
    this.#isEmpty = false
    for (;;) {
      const nameStart = at + 1
      at = this.#skipText(at, false)
      const field = this.#fieldAt(nameStart, at - 1 - nameStart)
      const start = this.#behind(colon, skipSpace(bytes, at, end))
      if (bytes[start] === quote) at = this.#skipText(start, true)
      else {
        this.#at = start
        this.#skipValue(1)
        at = this.#at
      }
      if (field !== -1) {
        this.#at = at
        object[this.#names[field]!] = this.#note(field, start)
      }
      at = skipSpace(bytes, at, end)
      if (at < end && bytes[at] === closeBrace) {
        this.#at = at + 1
        return object
      }
      at = this.#behind(comma, at)
    }
  }

  /** The next place that is no white space behind the byte, which has to be at `at`. */
  #behind(byte: number, at: number): number {
    if (at >= this.#end || this.#bytes[at] !== byte) throw unsure
    return skipSpace(this.#bytes, at + 1, this.#end)
  }

  /** Returns the place behind a text that begins at `from`. */
  #skipText(from: number, mayEscape: boolean): number {
    const bytes = this.#bytes
    const end = this.#end
    if (from >= end || bytes[from] !== quote) throw unsure
    for (let at = from + 1; ; at++) {
      // The end is looked at only where something other than plain text stands, at the latest behind it.
      while (isPlainText[bytes[at]!] === 1) at += 1
      if (at >= end) throw unsure
      const byte = bytes[at]!
      if (byte === quote) return at + 1
      if (byte >= firstNonAscii) this.#hasNonAscii = true
      else if (byte !== backslash || !mayEscape) throw unsure
      else at += escapeLength(bytes, at, end)
    }
  }

  /** Which of the fields the name is, or -1. */
  #fieldAt(start: number, length: number): number {
    const bytes = this.#bytes
    for (let field = 0; field < this.#encoded.length; field++) {
      const name = this.#encoded[field]!
      if (name.length !== length || bytes[start] !== name[0]) continue
      let index = 1
      while (index < length && bytes[start + index] === name[index]) index += 1
      if (index >= length) return field
    }
    return -1
  }

  /**
   * The text that was read last, with the fields as they are in `value` now and everything else as it
   * came. All of that text was ASCII.
   * @param value what `read` returned, changed; no field of it was removed.
   */
  splice(value: JsonObject): string {
    const text = this.#bytes.toString('latin1', this.#start, this.#end)
    const found = this.#found
    let spliced = ''
    let at = 0
    for (let index = 0; index < found.length; index++) {
      const now = value[this.#names[found[index]!]!]!
      // What is no object and still the same is left as it was written.
      if (typeof now !== 'object' && now === this.#before[index]) continue
      spliced += text.slice(at, this.#valueStart[index]! - this.#start) + encoded(now)
      at = this.#valueEnd[index]! - this.#start
    }
    const close = text.lastIndexOf('}')
    spliced += text.slice(at, close)
    let separator = this.#isEmpty ? '' : ','
    for (const name in value) {
      if (this.#wasFound(name)) continue
      spliced += `${separator}${JSON.stringify(name)}:${encoded(value[name]!)}`
      separator = ','
    }
    return spliced + text.slice(close)
  }

  #wasFound(name: string): boolean {
    for (const field of this.#found) if (this.#names[field] === name) return true
    return false
  }

  #note(field: number, start: number): JsonValue {
    const index = this.#found.length
    // Of a field that stands there twice the last counts, and one would be left.
    if (this.#found.includes(field)) throw unsure
    const value = this.#valueOf(start)
    this.#found.push(field)
    this.#valueStart[index] = start
    this.#valueEnd[index] = this.#at
    this.#before[index] = value
    return value
  }

  #valueOf(start: number): JsonValue {
    const bytes = this.#bytes
    const first = bytes[start]
    const end = this.#at
    if (first === quote) {
      const text = this.#hasNonAscii
        ? bytes.toString('utf8', start, end)
        : bytes.toString('latin1', start, end)
      return text.includes('\\') ? decodeJson(text) : text.slice(1, -1)
    }
    const text = bytes.toString('utf8', start, end)
    const isNumber = first !== openBrace && first !== openBracket && first! < 58
    // A short number without an exponent is exact as a double, or as near as it can be.
    return isNumber && text.length <= maxPlainNumberLength && !/[eE]/.test(text)
      ? Number(text)
      : decodeJson(text)
  }

  #skipValue(depth: number): void {
    const first = this.#bytes[this.#at]
    if (this.#at >= this.#end) throw unsure
    if (first === quote) this.#at = this.#skipText(this.#at, true)
    else if (first === openBrace) this.#skipNested(closeBrace, depth)
    else if (first === openBracket) this.#skipNested(closeBracket, depth)
    else if (first === 116) this.#skipWord('true')
    else if (first === 102) this.#skipWord('false')
    else if (first === 110) this.#skipWord('null')
    else this.#skipNumber()
  }

  #skipNested(close: number, depth: number): void {
    if (depth >= maxDepth) throw unsure
    const bytes = this.#bytes
    const end = this.#end
    let at = skipSpace(bytes, this.#at + 1, end)
    for (let isFirst = true; at >= end || bytes[at] !== close; isFirst = false) {
      if (!isFirst) at = this.#behind(comma, at)
      if (close === closeBrace) {
        at = this.#behind(colon, skipSpace(bytes, this.#skipText(at, true), end))
      }
      this.#at = at
      this.#skipValue(depth + 1)
      at = skipSpace(bytes, this.#at, end)
    }
    this.#at = at + 1
  }

  #skipNumber(): void {
    const bytes = this.#bytes
    let at = this.#at
    if (bytes[at] === 45) at += 1
    if (bytes[at] === 48) at += 1
    else at = skipDigits(bytes, at, this.#end)
    if (bytes[at] === 46 && at < this.#end) at = skipDigits(bytes, at + 1, this.#end)
    if ((bytes[at] === 101 || bytes[at] === 69) && at < this.#end) {
      const sign = bytes[at + 1]
      at = skipDigits(bytes, at + (sign === 43 || sign === 45 ? 2 : 1), this.#end)
    }
    if (at > this.#end) throw unsure
    this.#at = at
  }

  #skipWord(word: string): void {
    for (let index = 0; index < word.length; index++) {
      if (this.#bytes[this.#at + index] !== word.charCodeAt(index)) throw unsure
    }
    this.#at += word.length
    if (this.#at > this.#end) throw unsure
  }
}

/** As `encodeJson`, with a short way for what is most frequent. */
function encoded(value: JsonValue): string {
  return typeof value === 'number' && Number.isFinite(value) ? String(value) : encodeJson(value)
}

function skipSpace(bytes: Buffer, from: number, end: number): number {
  let at = from
  while (
    at < end &&
    (bytes[at] === 32 || bytes[at] === 10 || bytes[at] === 13 || bytes[at] === 9)
  ) {
    at += 1
  }
  return at
}

/** Bytes of an escape behind its backslash. */
function escapeLength(bytes: Buffer, at: number, end: number): number {
  const kind = bytes[at + 1]
  if (at + 1 >= end || kind === undefined) throw unsure
  if (kind !== 117) {
    if (!'"\\/bfnrt'.includes(String.fromCharCode(kind))) throw unsure
    return 1
  }
  for (let index = at + 2; index < at + 6; index++) {
    if (index >= end || !/[0-9a-fA-F]/.test(String.fromCharCode(bytes[index]!))) throw unsure
  }
  return 5
}

/** Behind at least one digit. */
function skipDigits(bytes: Buffer, from: number, end: number): number {
  let at = from
  while (at < end && bytes[at]! >= 48 && bytes[at]! <= 57) at += 1
  if (at === from) throw unsure
  return at
}
