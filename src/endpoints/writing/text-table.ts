import { isJsonObject, type JsonValue } from '../../core/json.ts'
import { cellText } from './csv-encoder.ts'

const maxCellChars = 40
const maxColumns = 50
/** The column of values that are no objects. */
const valueColumn = 'value'

/**
 * Values as a table with aligned columns: the fields in the order in which they first occur, numbers
 * to the right.
 * @param more how many records there were beyond these.
 */
export function formatTable(values: readonly JsonValue[], more: number): string {
  const rows = values.map(cellsOf)
  const names = [...new Set(rows.flatMap((row) => [...row.keys()]))].slice(0, maxColumns)
  const columns = names.map((name) => {
    const cells = rows.map((row) => row.get(name) ?? null)
    return layOut(name, cells)
  })
  const lines = [columns.map(({ header }) => header), columns.map(({ rule }) => rule)]
  for (const index of rows.keys()) lines.push(columns.map(({ cells }) => cells[index] ?? ''))
  const text = lines.map((cells) => cells.join('  ').trimEnd()).join('\n')
  return more === 0 ? `${text}\n` : `${text}\n… and ${more} more\n`
}

function cellsOf(value: JsonValue): Map<string, JsonValue> {
  return new Map(isJsonObject(value) ? Object.entries(value) : [[valueColumn, value]])
}

function layOut(
  name: string,
  values: readonly JsonValue[],
): { header: string; rule: string; cells: string[] } {
  const header = shown(name)
  const texts = values.map((value) => shown(cellText(value)))
  const width = Math.max(...[header, ...texts].map(charCount))
  const isNumeric = values.every((value) => value === null || typeof value === 'number')
  const pad = (text: string): string => {
    const space = ' '.repeat(width - charCount(text))
    return isNumeric ? space + text : text + space
  }
  return { header: pad(header), rule: '─'.repeat(width), cells: texts.map(pad) }
}

/** A terminal obeys control characters: data must not reach it as such. */
function shown(text: string): string {
  // oxlint-disable-next-line no-control-regex -- these are the characters to replace
  const plain = text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, '�')
  const chars = Array.from(plain.slice(0, 2 * maxCellChars + 2))
  return chars.length <= maxCellChars ? plain : `${chars.slice(0, maxCellChars - 1).join('')}…`
}

function charCount(text: string): number {
  return Array.from(text).length
}
