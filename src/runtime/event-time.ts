import { RecordFailure } from '../core/errors.ts'
import type { JsonValue } from '../core/json.ts'

const isoShape = /^[+-]?\d{4,6}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?$/i
const zoneShape = /(?:Z|[+-]\d\d:?\d\d)$/i
const dateOnlyLength = 10

/**
 * Epoch ms of what an `event_time` expression gave: ISO 8601 (no zone means UTC), epoch milliseconds
 * or a timestamp that the stage has cast.
 * @throws RecordFailure RECORD_EVENT_TIME
 */
export function eventTimeOf(value: JsonValue): number {
  const timeMs = toEpochMs(value)
  if (Number.isFinite(timeMs)) return timeMs
  const shown = value === null ? 'missing' : `no time: ${JSON.stringify(value).slice(0, 60)}`
  throw new RecordFailure('RECORD_EVENT_TIME', `the event time is ${shown}; ISO 8601 or epoch milliseconds are`)
}

function toEpochMs(value: JsonValue): number {
  if (typeof value === 'number') return value
  if (value instanceof Date) return value.getTime()
  if (typeof value !== 'string' || !isoShape.test(value)) return Number.NaN
  if (value.length <= dateOnlyLength || zoneShape.test(value)) return Date.parse(value)
  return Date.parse(`${value}Z`)
}
