import { RecordFailure } from '../core/errors.ts'
import { isoTimeMs } from '../core/iso-time.ts'
import type { JsonValue } from '../core/json.ts'

/** The first and last time that a date can have, in ms from 1970. */
const maxTimeMs = 8.64e15

/**
 * Epoch ms of what an `event_time` expression gave: ISO 8601 (no zone means UTC), epoch milliseconds
 * or a timestamp that the stage has cast.
 * @throws RecordFailure RECORD_EVENT_TIME
 */
export function eventTimeOf(value: JsonValue): number {
  const timeMs = toEpochMs(value)
  if (Math.abs(timeMs) <= maxTimeMs) return timeMs
  const shown = value === null ? 'missing' : `no time: ${JSON.stringify(value).slice(0, 60)}`
  throw new RecordFailure(
    'RECORD_EVENT_TIME',
    `the event time is ${shown}; ISO 8601 or epoch milliseconds are`,
  )
}

function toEpochMs(value: JsonValue): number {
  if (typeof value === 'number') return value
  if (value instanceof Date) return value.getTime()
  return typeof value === 'string' ? isoTimeMs(value) : Number.NaN
}
