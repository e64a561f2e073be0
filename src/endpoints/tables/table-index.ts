import type { JsonObject, JsonValue } from '../../core/json.ts'
import { isExactNumber } from '../../core/json.ts'
import { Decimal } from '../../core/decimal.ts'
import { tableKey, type FileTableSettings } from '../../core/table.ts'
import { addressNumber, cidrRange } from './ip-address.ts'
import { RangeIndex, type Range } from './range-index.ts'
import { refused, tableRows, type TableRow } from './table-rows.ts'

/** Finds the row of a key. @throws RecordFailure RECORD_TYPE */
export type FindRow = (key: JsonValue) => JsonObject | undefined

/**
 * The rows of a file, made ready to be found.
 * @throws PipelineError CONFIG_FILE with what is wrong with the file, and where.
 */
export function tableIndex(bytes: Buffer, settings: FileTableSettings): FindRow {
  const rows = tableRows(bytes, settings)
  const { index, file } = settings
  return index.kind === 'key'
    ? keyIndex(rows, { column: index.column, name: file.source })
    : rangeIndex(rows, { columns: index.columns, name: file.source })
}

function keyIndex(
  rows: readonly TableRow[],
  { column, name }: { column: string; name: string },
): FindRow {
  const byKey = new Map<string, TableRow>()
  for (const each of rows) {
    const key = keyOrNull(each.row[column]!)
    if (key === null || key === '')
      throw refused(name, each.place, `"${column}" is no key: it is empty, a list or an object`)
    const first = byKey.get(key)
    if (first !== undefined)
      throw refused(
        name,
        each.place,
        `"${column}" is ${JSON.stringify(key)}, as in ${first.place}; a key stands in one row`,
      )
    byKey.set(key, each)
  }
  return (key) => {
    const text = tableKey(key)
    return text === null ? undefined : byKey.get(text)?.row
  }
}

function keyOrNull(value: JsonValue): string | null {
  try {
    return tableKey(value)
  } catch {
    return null
  }
}

interface RangePlace {
  readonly columns: readonly [string] | readonly [string, string]
  readonly name: string
}

/** Ranges of numbers, or of addresses: of both kinds each, IPv4 and IPv6. */
function rangeIndex(rows: readonly TableRow[], at: RangePlace): FindRow {
  const small: Range<number, TableRow>[] = []
  const large: Range<bigint, TableRow>[] = []
  const isOfNumbers = rows.length > 0 && numberOf(rows[0]!.row[at.columns[0]]!) !== null
  for (const each of rows) {
    const [from, to] = boundsOf(each, at, isOfNumbers)
    if (typeof from === 'number' && typeof to === 'number' && from <= to)
      small.push({ from, to, row: each })
    else if (typeof from === 'bigint' && typeof to === 'bigint' && from <= to)
      large.push({ from, to, row: each })
    else throw refused(at.name, each.place, 'the range ends before it begins')
  }
  const twice = (first: TableRow, second: TableRow) => {
    throw refused(at.name, second.place, `the range is that of ${first.place}`)
  }
  const smallIndex = new RangeIndex(small, twice)
  const largeIndex = new RangeIndex(large, twice)
  const bound = isOfNumbers ? numberOf : addressOf
  return (key) => {
    const value = bound(key)
    if (value === null) return undefined
    return (typeof value === 'number' ? smallIndex.find(value) : largeIndex.find(value))?.row
  }
}

type Bound = number | bigint

function boundsOf(
  { row, place }: TableRow,
  { columns, name }: RangePlace,
  isOfNumbers: boolean,
): readonly [Bound, Bound] {
  const [first, last = first] = columns
  const wanted = isOfNumbers ? 'a number' : 'an IP address'
  const read = (column: string) => {
    const value = isOfNumbers ? numberOf(row[column]!) : addressOf(row[column]!)
    if (value === null)
      throw refused(
        name,
        place,
        `"${column}" is no ${wanted.replace(/^an? /, '')}${columns.length === 1 && !isOfNumbers ? ' and no CIDR block' : ''}`,
      )
    return value
  }
  const block = columns.length === 1 && !isOfNumbers ? blockOf(row[first]!) : null
  if (block !== null) return block
  const bounds = [read(first), read(last)] as const
  if (typeof bounds[0] !== typeof bounds[1])
    throw refused(
      name,
      place,
      'one end of the range is an IPv4 address and the other an IPv6 address',
    )
  return bounds
}

function blockOf(value: JsonValue): readonly [Bound, Bound] | null {
  return typeof value === 'string' ? cidrRange(value.trim()) : null
}

function addressOf(value: JsonValue): Bound | null {
  return typeof value === 'string' ? addressNumber(value.trim()) : null
}

const numberPattern = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/

function numberOf(value: JsonValue): number | null {
  if (typeof value === 'number') return value
  if (value instanceof Date) return value.getTime()
  if (value instanceof Decimal) return Number(value.toString())
  if (isExactNumber(value)) return Number(value.rawJSON)
  return typeof value === 'string' && numberPattern.test(value) ? Number(value) : null
}
