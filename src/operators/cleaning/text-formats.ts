import { RecordFailure } from '../../core/errors.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'

/** Pairs or columns of one text; more are an attack or the wrong format. */
export const maxFields = 10_000
/** Names that would reach into every object; no text may bring them in. */
export const refusedNames: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

export interface CsvShape {
  readonly columns: readonly string[]
  readonly delimiter: string
  readonly quote: string
}

export function readCsv(text: string, shape: CsvShape): JsonObject {
  const { columns, delimiter, quote } = shape
  const row = text.replace(/\r?\n?$/, '')
  const values = row.includes(quote)
    ? quotedValues(row, shape)
    : row.split(delimiter, columns.length + 1)
  if (values.length !== columns.length) {
    const count = values.length > columns.length ? `more than ${columns.length}` : values.length
    throw failure(`the row has ${count} values for ${columns.length} columns`)
  }
  const fields: JsonObject = {}
  for (let index = 0; index < columns.length; index++) fields[columns[index]!] = values[index]!
  return fields
}

/** Stops after one value too many: the row fails anyway. */
function quotedValues(row: string, { columns, delimiter, quote }: CsvShape): readonly string[] {
  const values: string[] = []
  let at = 0
  while (values.length <= columns.length) {
    let value = ''
    if (row[at] === quote) {
      let end = row.indexOf(quote, at + 1)
      while (end !== -1 && row[end + 1] === quote) {
        value += row.slice(at + 1, end + 1)
        at = end + 1
        end = row.indexOf(quote, at + 1)
      }
      if (end === -1) throw failure('the row has a quote that is not closed')
      value += row.slice(at + 1, end)
      at = end + 1
      if (at < row.length && row[at] !== delimiter)
        throw failure('the row has text after a closing quote')
    } else {
      const end = row.indexOf(delimiter, at)
      value = row.slice(at, end === -1 ? row.length : end)
      if (value.includes(quote))
        throw failure('the row has a quote inside a value that does not begin with one')
      at += value.length
    }
    values.push(value)
    if (at >= row.length) return values
    at += 1
  }
  return values
}

export function readPairs(
  text: string,
  { delimiter, separator }: { delimiter: string; separator: string },
): JsonObject {
  const fields = new Fields()
  for (const pair of pieces(text, delimiter === ' ' ? /\s+/ : delimiter)) {
    if (pair.trim() === '') continue
    const end = pair.indexOf(separator)
    if (end === -1) throw failure(`a pair has no ${separator} between name and value`)
    fields.set(pair.slice(0, end).trim(), pair.slice(end + separator.length).trim())
  }
  return fields.object('a name and a value')
}

const logfmtName = /\s*([^\s="]+)/y
const logfmtBareValue = /[^\s"]*/y
const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' }

/** A hand-written scan: a regular expression for the quotes would exhaust the stack on a long text. */
export function readLogfmt(text: string): JsonObject {
  const line = text.trim()
  const fields = new Fields()
  let at = 0
  while (at < line.length) {
    const name = matchAt(logfmtName, line, at)
    if (name === null) throw failure(`character ${at + 1} does not begin a logfmt pair`)
    at += name[0].length
    let value: JsonValue = true
    if (line[at] === '=' && line[at + 1] === '"') {
      const end = closingQuote(line, at + 2)
      const quoted = line.slice(at + 2, end)
      value = quoted.replace(/\\(.)/gs, (_, letter: string) => escapes[letter] ?? letter)
      at = end + 1
    } else if (line[at] === '=') {
      value = matchAt(logfmtBareValue, line, at + 1)?.[0] ?? ''
      at += 1 + value.length
    }
    if (at < line.length && !/\s/.test(line[at]!)) {
      throw failure(`character ${at + 1} does not end a logfmt pair`)
    }
    fields.set(name[1] ?? '', value)
  }
  return fields.object('a pair')
}

function matchAt(sticky: RegExp, text: string, at: number): RegExpExecArray | null {
  sticky.lastIndex = at
  return sticky.exec(text)
}

function closingQuote(text: string, start: number): number {
  let at = start
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  if (at >= text.length) throw failure('the text has a quote that is not closed')
  return at
}

export function readQuery(text: string): JsonObject {
  const fields = new Fields()
  for (const pair of pieces(text.replace(/^\?/, ''), '&')) {
    if (pair === '') continue
    const end = pair.indexOf('=')
    const name = unescapeQuery(end === -1 ? pair : pair.slice(0, end))
    fields.add(name, end === -1 ? '' : unescapeQuery(pair.slice(end + 1)))
  }
  return fields.object(null)
}

function pieces(text: string, delimiter: string | RegExp): readonly string[] {
  const found = text.split(delimiter, maxFields + 1)
  if (found.length > maxFields) throw failure(`the text has more than ${maxFields} pairs`)
  return found
}

function unescapeQuery(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw failure('the query has a % that no character follows')
  }
}

/** Collects fields whose names come with the text. */
class Fields {
  readonly #fields: JsonObject = {}
  #count = 0

  set(name: string, value: JsonValue): void {
    this.#check(name)
    this.#fields[name] = value
  }

  /** As `set`, but a second value makes a list of both. */
  add(name: string, value: JsonValue): void {
    this.#check(name)
    const before = Object.hasOwn(this.#fields, name) ? this.#fields[name] : undefined
    if (before === undefined) this.#fields[name] = value
    else if (Array.isArray(before)) before.push(value)
    else this.#fields[name] = [before, value]
  }

  /** @param needed what a text without any field lacks; null where that is allowed. */
  object(needed: string | null): JsonObject {
    if (this.#count === 0 && needed !== null) throw failure(`the text does not have ${needed}`)
    return this.#fields
  }

  #check(name: string): void {
    this.#count += 1
    if (this.#count > maxFields) throw failure(`the text has more than ${maxFields} pairs`)
    if (name === '') throw failure('a pair has no name')
    if (refusedNames.has(name)) throw failure(`the name ${name} is not allowed`)
  }
}

function failure(message: string): RecordFailure {
  return new RecordFailure('RECORD_PARSE', message)
}
