import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { timeFormat } from '../../src/core/time-format.ts'

const read = (format: string, text: string) => {
  const ms = timeFormat(format)(text)
  return Number.isNaN(ms) ? null : new Date(ms).toISOString()
}

describe('a time format', () => {
  it('reads the parts in any order', () => {
    expect(read('dd/MM/yyyy HH:mm:ss.SSS', '31/01/2026 18:20:30.123')).toBe(
      '2026-01-31T18:20:30.123Z',
    )
    expect(read('yyyyMMddTHHmm', '20260131T1820')).toBe('2026-01-31T18:20:00.000Z')
    expect(read("d M yyyy 'at' H:mm", '1 2 2026 at 7:05')).toBe('2026-02-01T07:05:00.000Z')
    expect(read('yyyy', '2026')).toBe('2026-01-01T00:00:00.000Z')
  })

  it('reads what web servers write', () => {
    const format = 'dd/MMM/yyyy:HH:mm:ss Z'
    expect(read(format, '10/Oct/2026:13:55:36 -0700')).toBe('2026-10-10T20:55:36.000Z')
    expect(read(format, '01/Jan/2026:00:15:00 +02:00')).toBe('2025-12-31T22:15:00.000Z')
    expect(read(format, '31/Dec/2026:23:59:59 Z')).toBe('2026-12-31T23:59:59.000Z')
    const bad = ['0700', '-07', '-0760', '+7:00', '']
    for (const zone of bad) expect(read(format, `10/Oct/2026:13:55:36 ${zone}`)).toBeNull()
    for (const month of ['oct', 'ctN', 'Oc', 'Okt'])
      expect(read(format, `10/${month}/2026:13:55:36 -0700`)).toBeNull()
  })

  it('puts two-digit years up to 68 in this century', () => {
    expect([read('yy', '68'), read('yy', '69')]).toEqual([
      '2068-01-01T00:00:00.000Z',
      '1969-01-01T00:00:00.000Z',
    ])
  })

  it('refuses text that has too much, too little, or no such day', () => {
    const texts = [
      '1-01-2026',
      '01-01-2026 ',
      ' 01-01-2026',
      '01-01-26',
      '29-02-2026',
      '00-01-2026',
      '01/01/2026',
      'aa-01-2026',
      '',
    ]
    for (const text of texts) expect(read('dd-MM-yyyy', text)).toBeNull()
    expect(read('yyyy HH:mm', '2026 24:01')).toBeNull()
  })

  it('is refused where it has letters that mean nothing, no year, or a part twice', () => {
    expect(() => timeFormat('yyyy-MM-dd hh:mm')).toThrow('has "hh:mm", which is no part of a time')
    expect(() => timeFormat('dd-MM')).toThrow('no year')
    expect(() => timeFormat('yyyy yy')).toThrow('year twice')
    expect(() => timeFormat("yyyy 'open")).toThrow()
  })

  it('reads back what it would have written', () => {
    const day = fc.date({ min: new Date(0), max: new Date(Date.UTC(9999, 0)), noInvalidDate: true })
    fc.assert(
      fc.property(day, (date) => {
        const [year, month, rest] = date.toISOString().split('-') as [string, string, string]
        const text = `${rest.slice(0, 2)}.${month}.${year} ${rest.slice(3, 15)}`
        expect(timeFormat('dd.MM.yyyy HH:mm:ss.SSS')(text)).toBe(date.getTime())
      }),
    )
  })
})
