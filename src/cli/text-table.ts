export interface Column {
  readonly title: string
  readonly align: 'left' | 'right'
}

/** Rows of text in aligned columns, two spaces apart; the first line holds the titles. */
export function textTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string[] {
  const widths = columns.map(({ title }, index) => {
    return Math.max(title.length, ...rows.map((row) => (row[index] ?? '').length))
  })
  const line = (cells: readonly string[]) =>
    columns
      .map(({ align }, index) => {
        const text = cells[index] ?? ''
        return align === 'left' ? text.padEnd(widths[index]!) : text.padStart(widths[index]!)
      })
      .join('  ')
      .trimEnd()
  return [line(columns.map(({ title }) => title)), ...rows.map(line)]
}
