import type { LocalTime } from './iso-time.ts'

const dayMs = 86_400_000
/** Since 1970 every clock change has happened on a quarter of an hour of the local time. */
const cacheStepMs = 900_000
const maxCachedOffsets = 10_000

/** Whether `name` is a zone of the IANA database (`Europe/Amsterdam`) or an offset (`+01:00`). */
export function isTimeZone(name: string): boolean {
  try {
    return Intl.DateTimeFormat('en', { timeZone: name }) !== null
  } catch {
    return false
  }
}

/** Reads clock times of a time zone. Asking `Intl` takes microseconds, so offsets are remembered. */
export class TimeZone implements LocalTime {
  readonly #format: Intl.DateTimeFormat
  readonly #offsetByStep = new Map<number, number>()

  /** @throws RangeError for a name that `isTimeZone` refuses. */
  constructor(name: string) {
    this.#format = new Intl.DateTimeFormat('en', {
      timeZone: name,
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  }

  /**
   * A time that the clocks show twice is the first of the two; one that they skip is as much later
   * as the clocks were put forward.
   */
  toEpochMs(localMs: number): number {
    if (Number.isNaN(localMs)) return localMs
    if (localMs < 0) return localMs - this.#offsetAtLocal(localMs)
    const step = Math.floor(localMs / cacheStepMs)
    let offsetMs = this.#offsetByStep.get(step)
    if (offsetMs === undefined) {
      offsetMs = this.#offsetAtLocal(localMs)
      if (this.#offsetByStep.size >= maxCachedOffsets) this.#offsetByStep.clear()
      this.#offsetByStep.set(step, offsetMs)
    }
    return localMs - offsetMs
  }

  #offsetAtLocal(localMs: number): number {
    const before = this.#offsetAt(localMs - dayMs)
    const after = this.#offsetAt(localMs + dayMs)
    if (before === after || this.#offsetAt(localMs - before) === before) return before
    return this.#offsetAt(localMs - after) === after ? after : before
  }

  /** What the zone's clocks show at an instant, minus UTC. */
  #offsetAt(epochMs: number): number {
    const wholeMs = Math.floor(epochMs / 1_000) * 1_000
    const parts = new Map(
      this.#format.formatToParts(wholeMs).map(({ type, value }) => [type, value]),
    )
    const part = (type: Intl.DateTimeFormatPartTypes): number => Number(parts.get(type))
    const year = parts.get('era') === 'BC' ? 1 - part('year') : part('year')
    const shown = new Date(0)
    shown.setUTCFullYear(year, part('month') - 1, part('day'))
    shown.setUTCHours(part('hour'), part('minute'), part('second'))
    return shown.getTime() - wholeMs
  }
}
