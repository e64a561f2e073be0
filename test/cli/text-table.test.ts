import { expect, it } from 'vitest'
import { textTable } from '../../src/cli/text-table.ts'

it('aligns the columns of a table, and leaves no blanks at the ends of lines', () => {
  const columns = [
    { title: 'stage', align: 'left' },
    { title: 'n', align: 'right' },
    { title: 'note', align: 'left' },
  ] as const
  expect(textTable(columns, [['a', '1,000', ''], ['longer', '1', 'x'], ['short']])).toEqual([
    'stage       n  note',
    'a       1,000',
    'longer      1  x',
    'short',
  ])
})
