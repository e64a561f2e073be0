import { conversion, type CastRule } from '../../core/conversion.ts'
import { messageOf, PipelineError } from '../../core/errors.ts'
import { putField } from '../../core/copy-json.ts'
import { decodeJson, isJsonObject, type JsonObject } from '../../core/json.ts'
import type { FileTableSettings } from '../../core/table.ts'
import { CsvSplitter } from '../formats/csv-splitter.ts'
import { ByteWindow } from '../reading/byte-window.ts'

/** A row with its place in the file, for messages. */
export interface TableRow {
  /** `line 7`, or `row 3` of a JSON list. */
  readonly place: string
  readonly row: JsonObject
}

type Read = (bytes: Buffer, name: string) => TableRow[]

/** Longest row of a CSV file, bytes. */
const maxRowBytes = 1024 * 1024

/**
 * The rows of a table's file, converted as `cast` says. The whole file counts: one bad row refuses it.
 * @throws PipelineError CONFIG_FILE with the place in the file.
 */
export function tableRows(bytes: Buffer, settings: FileTableSettings): TableRow[] {
  const name = settings.file.source
  const rows = readers[formatOf(settings)](bytes, name)
  const { index, cast } = settings
  const columns = [...(index.kind === 'key' ? [index.column] : index.columns), ...cast.keys()]
  for (const column of columns) {
    const without = rows.find(({ row }) => !Object.hasOwn(row, column))
    if (without === undefined) continue
    const known = Object.keys(without.row).join(', ')
    throw refused(name, without.place, `has no column "${column}"; it has ${known}`)
  }
  for (const [column, rule] of cast) convertColumn(rows, { column, rule, name })
  return rows
}

export function refused(name: string, place: string, what: string): PipelineError {
  return new PipelineError('CONFIG_FILE', `${name}, ${place}: ${what}`)
}

function formatOf({ format, file: { source } }: FileTableSettings): 'csv' | 'json' | 'ndjson' {
  if (format !== null) return format
  const ending = /\.([a-z]+)$/i.exec(source)?.[1]?.toLowerCase() ?? ''
  const found = byEnding.get(ending)
  if (found !== undefined) return found
  throw new PipelineError(
    'CONFIG_FILE',
    `${source}: its name does not tell its format; set \`format: csv | json | ndjson\``,
  )
}

const byEnding = new Map([
  ['csv', 'csv'],
  ['tsv', 'csv'],
  ['json', 'json'],
  ['ndjson', 'ndjson'],
  ['jsonl', 'ndjson'],
] as const) as ReadonlyMap<string, 'csv' | 'json' | 'ndjson'>

const readers: Readonly<Record<'csv' | 'json' | 'ndjson', Read>> = { csv, json, ndjson }

function csv(bytes: Buffer, name: string): TableRow[] {
  const splitter = new CsvSplitter({
    delimiter: /\.tsv$/i.test(name) ? '\t' : ',',
    quote: '"',
    encoding: 'utf8',
    columns: null,
    maxRecord: maxRowBytes,
    path: name,
  })
  const window = new ByteWindow(1)
  window.bytes = withoutMark(bytes)
  window.ended = true
  const rows: TableRow[] = []
  let line = 1
  while (window.length > 0 && splitter.find(window)) {
    const { kind, text, next, lines, message } = splitter.found
    const place = lineOf(line)
    if (kind === 'failure') throw refused(name, place, message)
    if (kind === 'record') {
      if (text === null) throw refused(name, place, `the row is longer than ${maxRowBytes} bytes`)
      rows.push({ place, row: objectOf(text, { name, place }) })
    }
    line += lines
    window.start = next
  }
  if (splitter.columns === null) throw refused(name, lineOf(1), 'there is no header')
  return rows
}

function lineOf(line: number): string {
  return `line ${line}`
}

function ndjson(bytes: Buffer, name: string): TableRow[] {
  return withoutMark(bytes)
    .toString('utf8')
    .split('\n')
    .flatMap((text, index) => {
      if (text.trim() === '') return []
      const at = lineOf(index + 1)
      return [{ place: at, row: objectOf(text, { name, place: at }) }]
    })
}

function json(bytes: Buffer, name: string): TableRow[] {
  let list: unknown
  try {
    list = decodeJson(withoutMark(bytes).toString('utf8'))
  } catch (thrown) {
    throw new PipelineError('CONFIG_FILE', `${name} is no JSON: ${messageOf(thrown)}`)
  }
  if (!Array.isArray(list))
    throw new PipelineError('CONFIG_FILE', `${name} is no list of objects: \`[{ ... }, ...]\``)
  return list.map((row, index) => {
    const at = `row ${index + 1}`
    if (!isJsonObject(row)) throw refused(name, at, 'it is no object')
    return { place: at, row }
  })
}

function objectOf(text: string, at: { name: string; place: string }): JsonObject {
  try {
    const row = decodeJson(text)
    if (isJsonObject(row)) return row
  } catch (thrown) {
    throw refused(at.name, at.place, `it is no JSON: ${messageOf(thrown)}`)
  }
  throw refused(at.name, at.place, 'it is no object')
}

/** What some programs write in front of UTF-8. */
function withoutMark(bytes: Buffer): Buffer {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes
}

function convertColumn(
  rows: readonly TableRow[],
  { column, rule, name }: { column: string; rule: CastRule; name: string },
): void {
  const convert = conversion(column, rule)
  for (const { row, place: at } of rows) {
    try {
      putField(row, column, convert(row[column]!))
    } catch (thrown) {
      throw refused(name, at, messageOf(thrown))
    }
  }
}
