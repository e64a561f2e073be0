import { isoTimeMs } from '../../core/iso-time.ts'
import type { JsonValue } from '../../core/json.ts'
import { defineFunction, type FunctionDefinition } from '../function-definition.ts'
import { formatTime, zoneOffsetMs } from '../time-format.ts'
import { describe, exactly, fail, failNumber, textIn } from '../values.ts'

/** Furthest from 1970 that a JavaScript date reaches, epoch ms. */
const maxTimeMs = 8.64e15
const dayMs = 86_400_000

/** Epoch ms of a timestamp, ISO 8601 text or number; null for null, undefined for what is no time. */
function readTime(value: JsonValue, where: string): number | null | undefined {
  if (value === null || value === '') return null
  const time =
    value instanceof Date
      ? value.getTime()
      : typeof value === 'number'
        ? value
        : typeof value === 'string'
          ? isoTimeMs(textIn(value, where)!)
          : Number.NaN
  return Math.abs(time) <= maxTimeMs ? time : undefined
}

function timeIn(value: JsonValue, where: string): number | null {
  const time = readTime(value, where)
  return time === undefined
    ? fail(`${where}: ${describe(value)} is no time; it takes ISO 8601 or epoch milliseconds`)
    : time
}

function part(name: string, read: (date: Date) => number): (value: JsonValue) => JsonValue {
  return (value) => {
    const time = timeIn(value, name)
    return time === null ? null : read(new Date(time))
  }
}

export const timeFunctions: readonly FunctionDefinition[] = [
  defineFunction('time(x, fallback?)', {
    summary:
      'Epoch milliseconds of an ISO 8601 text (no zone means UTC), a timestamp or a number. What is no time fails the record, or gives the fallback.',
    examples: [
      ["time('2026-01-01T00:00:00Z')", 1767225600000],
      ["time('soon', null)", null],
    ],
    call: (value: JsonValue, fallback?: JsonValue) => {
      const time = readTime(value, 'time')
      if (time !== undefined) return time
      return fallback === undefined ? timeIn(value, 'time') : fallback
    },
  }),
  defineFunction('iso(time)', {
    summary: 'A time as ISO 8601 text in UTC.',
    examples: [['iso(1767225600000)', '2026-01-01T00:00:00.000Z']],
    call: (value: JsonValue) => {
      const time = timeIn(value, 'iso')
      return time === null ? null : new Date(time).toISOString()
    },
  }),
  defineFunction('format_time(time, format, timezone?)', {
    summary:
      "A time as text. The format has yyyy, yy, MM, dd, HH, mm, ss and SSS, and 'plain text' in single quotes; the zone is an IANA name, UTC by default.",
    examples: [
      ["format_time('2026-01-31T23:30:00Z', 'dd-MM-yyyy HH:mm')", '31-01-2026 23:30'],
      ["format_time('2026-01-31T23:30:00Z', 'yyyy-MM-dd', 'Europe/Amsterdam')", '2026-02-01'],
    ],
    call: (value: JsonValue, format: JsonValue, zone: JsonValue = 'UTC') => {
      const time = timeIn(value, 'format_time')
      const pattern = textIn(format, 'format_time')
      const name = textIn(zone, 'format_time')
      if (time === null || pattern === null || name === null) return null
      const local = new Date(time + zoneOffsetMs(time, name))
      return Number.isNaN(local.getTime())
        ? failNumber('format_time: the time is too far away')
        : formatTime(local, pattern)
    },
  }),
  defineFunction('truncate_time(time, unit)', {
    summary:
      "Epoch milliseconds of the start of the time's year, month, week (Monday), day, hour, minute or second, in UTC.",
    examples: [["iso(truncate_time('2026-03-15T13:45:10Z', 'hour'))", '2026-03-15T13:00:00.000Z']],
    call: (value: JsonValue, unit: JsonValue) => {
      const time = timeIn(value, 'truncate_time')
      return time === null || unit === null ? null : exactly(truncate(time, unit), 'truncate_time')
    },
  }),
  defineFunction('year(time)', {
    summary: 'The year, in UTC.',
    examples: [["year('2026-03-15')", 2026]],
    call: part('year', (date) => date.getUTCFullYear()),
  }),
  defineFunction('month(time)', {
    summary: 'The month from 1 to 12, in UTC.',
    examples: [["month('2026-03-15')", 3]],
    call: part('month', (date) => date.getUTCMonth() + 1),
  }),
  defineFunction('day(time)', {
    summary: 'The day of the month from 1, in UTC.',
    examples: [["day('2026-03-15')", 15]],
    call: part('day', (date) => date.getUTCDate()),
  }),
  defineFunction('hour(time)', {
    summary: 'The hour from 0 to 23, in UTC.',
    examples: [["hour('2026-03-15T13:45:00Z')", 13]],
    call: part('hour', (date) => date.getUTCHours()),
  }),
  defineFunction('weekday(time)', {
    summary: 'The day of the week from 1 (Monday) to 7 (Sunday), in UTC.',
    examples: [["weekday('2026-03-15')", 7]],
    call: part('weekday', (date) => date.getUTCDay() || 7),
  }),
]

const unitsMs: Readonly<Record<string, number>> = {
  second: 1_000,
  minute: 60_000,
  hour: 3_600_000,
  day: dayMs,
}

function truncate(time: number, unit: JsonValue): number {
  const date = new Date(time)
  if (unit === 'week') return truncate(time, 'day') - ((date.getUTCDay() || 7) - 1) * dayMs
  if (unit === 'month' || unit === 'year') {
    return new Date(0).setUTCFullYear(
      date.getUTCFullYear(),
      unit === 'month' ? date.getUTCMonth() : 0,
      1,
    )
  }
  const unitMs = typeof unit === 'string' && Object.hasOwn(unitsMs, unit) ? unitsMs[unit]! : 0
  if (unitMs === 0)
    return fail(
      `truncate_time: ${describe(unit)} is none of year, month, week, day, hour, minute, second`,
    )
  return Math.floor(time / unitMs) * unitMs
}
