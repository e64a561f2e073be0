import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isoTimeMs } from '../../src/core/iso-time.ts'

describe('isoTimeMs', () => {
  it('agrees with Date on every time that Date writes', () => {
    const time = fc.date({
      min: new Date('0000-01-01T00:00:00.000Z'),
      max: new Date('9999-12-31T23:59:59.999Z'),
      noInvalidDate: true,
    })
    fc.assert(
      fc.property(time, (date) => {
        expect(isoTimeMs(date.toISOString())).toBe(date.getTime())
      }),
    )
  })

  it('knows every day of the calendar, and no other', () => {
    let days = 0
    for (const year of [1900, 2000, 2023, 2024]) {
      for (let month = 0; month <= 13; month++) {
        for (let day = 0; day <= 32; day++) {
          const text = [year, month, day].map((part) => String(part).padStart(2, '0')).join('-')
          const date = new Date(Date.UTC(year, month - 1, day))
          const exists = date.getUTCMonth() === month - 1 && date.getUTCFullYear() === year
          expect(isoTimeMs(text)).toBe(exists ? date.getTime() : Number.NaN)
          if (exists) days += 1
        }
      }
    }
    expect(days).toBe(365 + 366 + 365 + 366)
  })

  it('takes the separators and zones that ISO 8601 and its users write', () => {
    const noon = Date.UTC(2026, 0, 31, 12)
    const texts = [
      '2026-01-31T12:00',
      '2026-01-31t12:00z',
      '2026-01-31 12:00:00',
      '2026-01-31T12:00:00.000Z',
      '2026-01-31T12:00:00,0Z',
      '2026-01-31T14:30+02:30',
      '2026-01-31T14:30:00+0230',
      '2026-01-31T07:00-05',
    ]
    expect(texts.map((text) => isoTimeMs(text))).toEqual(texts.map(() => noon))
    expect(isoTimeMs('2026-01-31T24:00')).toBe(isoTimeMs('2026-02-01'))
  })

  it('cuts off what is finer than a millisecond', () => {
    expect(isoTimeMs('1970-01-01T00:00:00.0019999999999')).toBe(1)
    expect(isoTimeMs('1970-01-01T00:00:00.5')).toBe(500)
  })

  it('refuses everything else', () => {
    const refused = [
      '',
      '2026',
      '2026-1-1',
      '2026-01-31T',
      '2026-01-31T12',
      '2026-01-31T12:0',
      '2026-01-31T12:00:',
      '2026-01-31T12:00:00.',
      '2026-01-31T12:00.5',
      '2026-01-31T12:60',
      '2026-01-31T12:00:60',
      '2026-01-31T24:01',
      '2026-01-31T12:00+',
      '2026-01-31T12:00+24:00',
      '2026-01-31T12:00+02:60',
      '2026-01-31T12:00+2',
      '2026-01-31T12:00ZZ',
      '2026-01-31T12:00 UTC',
      ' 2026-01-31',
      '2026-01-31 ',
      '2026/01/31',
      '٢٠٢٦-01-31',
      '2026-01-31T-1:00',
      '+02026-01-31',
      '1e10-01-01',
    ]
    expect(refused.filter((text) => !Number.isNaN(isoTimeMs(text)))).toEqual([])
  })

  it('leaves times without a zone to the given reader, and only those', () => {
    const hourAhead = { toEpochMs: (localMs: number) => localMs - 3_600_000 }
    expect(isoTimeMs('1970-01-01T01:00', hourAhead)).toBe(0)
    expect(isoTimeMs('1970-01-01', hourAhead)).toBe(-3_600_000)
    expect(isoTimeMs('1970-01-01T01:00Z', hourAhead)).toBe(3_600_000)
  })
})
