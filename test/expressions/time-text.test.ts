import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseTime } from '../../src/expressions/time-text.ts'

describe('parseTime', () => {
  it('reads back what toISOString writes', () => {
    fc.assert(
      fc.property(fc.date({ noInvalidDate: true }), (date) => {
        expect(parseTime(date.toISOString())).toBe(date.getTime())
      }),
    )
  })

  it.each([
    ['2026-01-01', '2026-01-01T00:00:00.000Z'],
    ['2026-03', '2026-03-01T00:00:00.000Z'],
    ['2026-01-01T10:30', '2026-01-01T10:30:00.000Z'],
    ['2026-01-01 10:30:15', '2026-01-01T10:30:15.000Z'],
    ['2026-01-01T10:30:15.5+02:00', '2026-01-01T08:30:15.500Z'],
    ['2026-01-01T10:30:15,123456789-0530', '2026-01-01T16:00:15.123Z'],
    ['2026-01-01T10:30:15+01', '2026-01-01T09:30:15.000Z'],
    ['2025-12-31T24:00:00Z', '2026-01-01T00:00:00.000Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
    ['2024-02-29', '2024-02-29T00:00:00.000Z'],
  ])('takes no zone as UTC: %s', (text, iso) => {
    expect(new Date(parseTime(text)).toISOString()).toBe(iso)
  })

  it.each([
    '',
    'soon',
    '2026',
    '2026-02-29',
    '2026-04-31',
    '2026-13-01',
    '2026-00-10',
    '2026-01-01T25:00',
    '2026-01-01T24:01',
    '2026-01-01T10:60',
    '2026-01-01T10:00+25:00',
    '01-02-2026',
    '2026-1-1',
    '2026-01-01T',
    '2026-01-01T10:00:00Z ',
    '12345678901',
  ])('refuses %s', (text) => {
    expect(parseTime(text)).toBe(Number.NaN)
  })
})
