import { describe, expect, it } from 'vitest'
import { rowsBehind } from '../../../src/endpoints/postgres/cursor-query.ts'

const query = {
  query: 'SELECT 1 -- it',
  cursor: ['at"', 'id'],
  types: ['timestamp with time zone', 'bigint'],
  settleMs: null,
  maxRowBytes: 10,
}

describe('the query behind a place', () => {
  it('compares all columns of the cursor together, by their types', () => {
    expect(rowsBehind(query, false)).toContain(
      `(q."at""", q."id") > ($1::text::timestamp with time zone, $2::text::bigint) ORDER BY q."at""", q."id"`,
    )
  })

  it('ends a comment at the end of what the user wrote', () => {
    expect(rowsBehind(query, true)).toContain('FROM (SELECT 1 -- it\n) AS q WHERE')
  })

  it('leaves rows without a place out, and young ones where that is wished', () => {
    const text = rowsBehind({ ...query, settleMs: 2_500 }, true)
    expect(text).toContain(`q."at""" IS NOT NULL AND q."id" IS NOT NULL AND q."at""" <=`)
    expect(text).toContain(`2500 * interval '1 millisecond'`)
    expect(text).not.toContain('$1')
  })
})
