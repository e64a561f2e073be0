import { describe, expect, it } from 'vitest'
import { isoTimeMs } from '../../src/core/iso-time.ts'
import { isTimeZone, TimeZone } from '../../src/core/time-zone.ts'

const utc = (zone: TimeZone, local: string) =>
  new Date(zone.toEpochMs(isoTimeMs(local))).toISOString()

describe('a time zone', () => {
  it('reads a time that the clocks show twice as the first, and a skipped one as later', () => {
    const zone = new TimeZone('Europe/Amsterdam')
    // Asked twice: the second answer comes out of the cache.
    for (const _ of [1, 2]) {
      expect(utc(zone, '2026-10-25T01:59')).toBe('2026-10-24T23:59:00.000Z')
      expect(utc(zone, '2026-10-25T02:30')).toBe('2026-10-25T00:30:00.000Z')
      expect(utc(zone, '2026-10-25T03:00')).toBe('2026-10-25T02:00:00.000Z')
      expect(utc(zone, '2026-03-29T02:30')).toBe('2026-03-29T01:30:00.000Z')
    }
  })

  it('knows zones west and east, of half hours, and offsets', () => {
    expect(utc(new TimeZone('America/New_York'), '2026-03-08T02:30')).toBe(
      '2026-03-08T07:30:00.000Z',
    )
    expect(utc(new TimeZone('Australia/Lord_Howe'), '2026-07-01T00:00')).toBe(
      '2026-06-30T13:30:00.000Z',
    )
    expect(utc(new TimeZone('+05:45'), '2026-01-01T00:00')).toBe('2025-12-31T18:15:00.000Z')
  })

  it('turns every hour of a year into a time that the zone shows as that hour', () => {
    const zone = new TimeZone('Europe/Amsterdam')
    const format = new Intl.DateTimeFormat('sv', {
      timeZone: 'Europe/Amsterdam',
      dateStyle: 'short',
      timeStyle: 'medium',
    })
    const start = Date.UTC(2026, 0, 1)
    let wrong = 0
    for (let hour = 0; hour < 365 * 24; hour++) {
      const localMs = start + hour * 3_600_000
      const shown = new Date(localMs).toISOString().slice(0, 19).replace('T', ' ')
      if (format.format(zone.toEpochMs(localMs)) !== shown) wrong += 1
    }
    // The one hour that the clocks skip.
    expect(wrong).toBe(1)
  })

  it('reads times before 1970 and hands on what is no time', () => {
    const zone = new TimeZone('Europe/Amsterdam')
    expect(utc(zone, '1960-07-01T00:00')).toBe('1960-06-30T23:00:00.000Z')
    expect(zone.toEpochMs(Number.NaN)).toBeNaN()
  })

  it('has a name of the IANA database', () => {
    expect(['Europe/Amsterdam', 'UTC', 'Mars/Base', '', 'CET; rm'].map(isTimeZone)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ])
  })
})
