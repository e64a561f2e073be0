import { describe, expect, it } from 'vitest'
import { RecordFailure } from '../../src/core/errors.ts'
import type { JsonValue } from '../../src/core/json.ts'
import { decodeJson } from '../../src/core/json.ts'
import { eventTimeOf } from '../../src/runtime/event-time.ts'

const noonMs = Date.UTC(2026, 0, 31, 12)

function failureOf(value: JsonValue): RecordFailure {
  try {
    eventTimeOf(value)
  } catch (thrown) {
    if (thrown instanceof RecordFailure) return thrown
    throw thrown
  }
  throw new TypeError('it was taken as a time')
}

describe('event time', () => {
  it.each([
    ['2026-01-31T12:00:00Z', noonMs],
    ['2026-01-31T13:00:00+01:00', noonMs],
    ['2026-01-31T13:00:00+0100', noonMs],
    ['2026-01-31T12:00:00.250Z', noonMs + 250],
    ['2026-01-31T12:00:00.123456789Z', noonMs + 123],
    ['2026-01-31T12:00Z', noonMs],
  ])('takes %s with its zone', (text, expected) => {
    expect(eventTimeOf(text)).toBe(expected)
  })

  it.each([
    ['2026-01-31T12:00:00', noonMs],
    ['2026-01-31 12:00:00', noonMs],
    ['2026-01-31T12:00', noonMs],
    ['2026-01-31', Date.UTC(2026, 0, 31)],
  ])('takes %s, which has no zone, as UTC', (text, expected) => {
    expect(eventTimeOf(text)).toBe(expected)
  })

  it('takes epoch milliseconds and timestamps that a step has cast', () => {
    expect(eventTimeOf(noonMs)).toBe(noonMs)
    expect(eventTimeOf(0)).toBe(0)
    expect(eventTimeOf(-1)).toBe(-1)
    expect(eventTimeOf(new Date(noonMs))).toBe(noonMs)
  })

  const noTimes: readonly JsonValue[] = [
    null,
    true,
    '',
    'soon',
    '31-01-2026',
    '2026-01-31T12',
    'Jan 31 2026',
    '2026',
    '1767225600000',
    '2026-02-30',
    '2026-02-30T10:00:00Z',
    '2026-13-01',
    '2026-01-31T25:00:00Z',
    '2026-01-31T12:00:00+99:00',
    {},
    [],
    ['2026-01-31'],
    new Date(Number.NaN),
    decodeJson('12345678901234567890'),
    decodeJson('1e400'),
  ]
  it.each(noTimes.map((value) => [value]))('refuses %j', (value) => {
    expect(failureOf(value).code).toBe('RECORD_EVENT_TIME')
  })

  it.each([8.64e15 + 1, -8.64e15 - 1, 1e300])('refuses %d, for which there is no date', (value) => {
    expect(failureOf(value).code).toBe('RECORD_EVENT_TIME')
  })

  it('says what was wrong, and what would be right', () => {
    expect(failureOf(null).message).toMatch(/missing; ISO 8601 or epoch milliseconds/)
    expect(failureOf('soon').message).toContain('"soon"')
    expect(failureOf('x'.repeat(1_000_000)).message.length).toBeLessThan(200)
  })
})
