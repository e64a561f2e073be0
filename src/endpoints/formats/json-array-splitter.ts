import type { ByteWindow } from '../reading/byte-window.ts'
import { emptyFound, newlineByte, type Splitter } from './splitter.ts'

/**
 * Where in the array the next byte stands: before `[`; behind it; behind a comma; behind an element;
 * behind `]`.
 */
export type ArrayPlace = 'start' | 'first' | 'element' | 'comma' | 'end'
export const arrayPlaces: readonly string[] = ['start', 'first', 'element', 'comma', 'end']

const byte = { quote: 34, comma: 44, open: 91, escape: 92, close: 93, openMap: 123, closeMap: 125 }

/**
 * The elements of one JSON array, each as its original bytes. It looks for where elements end only:
 * strings, escapes and brackets; whether an element is JSON is seen by the stage that decodes it.
 * Where the array itself is broken the whole rest is one failure.
 */
export class JsonArraySplitter implements Splitter {
  readonly found = emptyFound('start')
  readonly takesOpenRecords = false
  #place: ArrayPlace
  /** Why the rest is broken. */
  #broken: string | null = null
  /** Of the element at the start of the window: bytes looked at, line breaks among them, brackets open. */
  #seen = 0
  #lines = 0
  #depth = 0
  #inElement = false
  #inString = false
  #isEscaped = false

  constructor(place: ArrayPlace) {
    this.#place = place
  }

  find(window: ByteWindow): boolean {
    if (this.#broken !== null) return this.#findRest(window)
    if (!this.#inElement) {
      if (this.#findGap(window)) return true
      if (window.length === 0)
        return window.ended && this.#place !== 'end' && this.#truncated(window)
      const byteAt = window.bytes[window.start]!
      const expectsElement = this.#place === 'first' || this.#place === 'element'
      if (!expectsElement || byteAt === byte.comma || byteAt === byte.close) {
        this.#broken = unexpected(this.#place, byteAt)
        return this.#findRest(window)
      }
      this.#inElement = true
    }
    const end = this.#findElementEnd(window)
    if (end >= 0) return this.#element(window, end)
    this.#seen = window.length
    return window.ended && this.#truncated(window)
  }

  /** What was found just now, too long to be handed out whole, is looked for once more. */
  skim(): void {
    if (this.#broken !== null || this.#inElement) return
    if (this.found.kind === 'failure') this.#broken = this.found.message
    else this.#place = 'element'
  }

  forget(): number {
    this.#seen = 0
    return 0
  }

  /** Whitespace, and the marks that are due at this place. */
  #findGap(window: ByteWindow): boolean {
    const { bytes, start } = window
    let at = start
    let lines = 0
    for (; at < bytes.length; at++) {
      const byteAt = bytes[at]!
      if (byteAt === newlineByte) lines += 1
      else if (byteAt !== 32 && byteAt !== 9 && byteAt !== 13) {
        const next = placeAfter(this.#place, byteAt)
        if (next === null) break
        this.#place = next
      }
    }
    if (at === start) return false
    const { found } = this
    found.kind = 'gap'
    found.start = start
    found.end = at
    this.#close(at, lines)
    return true
  }

  /** Index behind the element, or -1 when it does not end in the window. */
  #findElementEnd({ bytes, start }: ByteWindow): number {
    let at = start + this.#seen
    for (; at < bytes.length; at++) {
      const byteAt = bytes[at]!
      if (this.#inString) {
        if (this.#isEscaped) this.#isEscaped = false
        else if (byteAt === byte.escape) this.#isEscaped = true
        else if (byteAt === byte.quote) {
          this.#inString = false
          if (this.#depth === 0) return at + 1
        }
      } else if (byteAt > byte.comma && byteAt < byte.open) continue
      else if (byteAt === byte.quote) {
        if (this.#depth === 0 && at > start) return at
        this.#inString = true
      } else if (byteAt === byte.openMap || byteAt === byte.open) this.#depth += 1
      else if (byteAt === byte.closeMap || byteAt === byte.close) {
        if (this.#depth === 0 && byteAt === byte.close) return at
        if (this.#depth === 1) return at + 1
        if (this.#depth > 0) this.#depth -= 1
      } else if (byteAt <= 32 || byteAt === byte.comma) {
        if (this.#depth === 0) return at
        if (byteAt === newlineByte) this.#lines += 1
      }
    }
    return -1
  }

  #element(window: ByteWindow, end: number): true {
    const { found } = this
    found.kind = 'record'
    found.start = window.start
    found.end = end
    this.#place = 'comma'
    this.#close(end, this.#lines)
    return true
  }

  #findRest(window: ByteWindow): boolean {
    return window.ended && this.#fail(window, this.#broken ?? '')
  }

  #truncated(window: ByteWindow): true {
    const what = this.#inElement ? 'in the middle of an element' : 'before its `]`'
    const hint = this.#place === 'start' ? 'there is no JSON array' : `the JSON array ends ${what}`
    return this.#fail(window, `${hint}; write the file again in full`)
  }

  #fail(window: ByteWindow, message: string): true {
    const { found } = this
    found.kind = 'failure'
    found.code = 'RECORD_DECODE'
    found.message = message
    found.start = window.start
    found.end = window.bytes.length
    found.isOpen = true
    // Nothing follows in this run; where the file grows, the place before is the one to go on from.
    found.next = found.end
    found.lines = this.#lines
    this.#broken = null
    this.#place = 'end'
    this.#reset()
    return true
  }

  #close(next: number, lines: number): void {
    const { found } = this
    found.next = next
    found.lines = lines
    found.isOpen = false
    found.state = this.#place
    this.#reset()
  }

  #reset(): void {
    this.#seen = 0
    this.#lines = 0
    this.#depth = 0
    this.#inElement = false
    this.#inString = false
    this.#isEscaped = false
  }
}

/** The place behind a mark that is due, or null when the byte is none. */
function placeAfter(place: ArrayPlace, byteAt: number): ArrayPlace | null {
  if (place === 'start') return byteAt === byte.open ? 'first' : null
  if (place === 'first') return byteAt === byte.close ? 'end' : null
  if (place !== 'comma') return null
  if (byteAt === byte.comma) return 'element'
  return byteAt === byte.close ? 'end' : null
}

function unexpected(place: ArrayPlace, byteAt: number): string {
  const character = byteAt < 128 ? JSON.stringify(String.fromCharCode(byteAt)) : `byte ${byteAt}`
  switch (place) {
    case 'start':
      return `expected a JSON array, found ${character}; for one JSON value per line set format: ndjson, for the whole file as one record format: bytes`
    case 'end':
      return `expected nothing after the JSON array, found ${character}`
    case 'comma':
      return `expected a comma or \`]\` after an element of the JSON array, found ${character}`
    default:
      return `expected an element of the JSON array, found ${character}`
  }
}
