import { clockMs, dateMs, digits } from './iso-time.ts'

/** The clock time that a text shows, as ms since 1970 of that clock; NaN where it does not match. */
export type TimeFormat = (text: string) => number

const tokens = {
  yyyy: { part: 'year', min: 4, max: 4 },
  yy: { part: 'shortYear', min: 2, max: 2 },
  MM: { part: 'month', min: 2, max: 2 },
  M: { part: 'month', min: 1, max: 2 },
  dd: { part: 'day', min: 2, max: 2 },
  d: { part: 'day', min: 1, max: 2 },
  HH: { part: 'hour', min: 2, max: 2 },
  H: { part: 'hour', min: 1, max: 2 },
  mm: { part: 'minute', min: 2, max: 2 },
  ss: { part: 'second', min: 2, max: 2 },
  SSS: { part: 'millisecond', min: 3, max: 3 },
  MMM: { part: 'month', min: 3, max: 3 },
  Z: { part: 'offset', min: 1, max: 6 },
} as const
type Part = (typeof tokens)[keyof typeof tokens]['part']
type Item = (typeof tokens)[keyof typeof tokens] | { readonly text: string }

const monthNames = 'JanFebMarAprMayJunJulAugSepOctNovDec'
const offsetPattern = /(?:Z|([+-])(\d\d):?([0-5]\d))/y

/** Two-digit years up to here are of this century, as in POSIX. */
const lastShortYear = 68
const itemPattern = /yyyy|yy|MMM|MM?|dd?|HH?|mm|ss|SSS|Z|'([^']+)'|([^A-Za-z']|T)/y

/**
 * Compiles a format such as `dd-MM-yyyy HH:mm`: `yyyy yy MM M dd d HH H mm ss SSS`, `MMM` for the English
 * name of a month in three letters, `Z` for `Z`, `+0200` or `-07:00`, text between single quotes, `T` and all that is no letter stand for themselves. A missing month or day is the
 * first, a missing time of day midnight.
 * @throws RangeError with what is wrong with the format.
 */
export function timeFormat(format: string): TimeFormat {
  const items = formatItems(format)
  return (text) => {
    const found: Record<Part, number> = {
      year: 0,
      shortYear: -1,
      month: 1,
      day: 1,
      hour: 0,
      minute: 0,
      second: 0,
      millisecond: 0,
      offset: 0,
    }
    let at = 0
    for (const item of items) {
      if ('text' in item) {
        if (!text.startsWith(item.text, at)) return Number.NaN
        at += item.text.length
        continue
      }
      if (item === tokens.Z) {
        offsetPattern.lastIndex = at
        const match = offsetPattern.exec(text)
        if (match === null) return Number.NaN
        found.offset = offsetMs(match)
        at += match[0].length
        continue
      }
      if (item === tokens.MMM) {
        const index = monthNames.indexOf(text.slice(at, at + item.max))
        if (index % item.max !== 0 || at + item.max > text.length) return Number.NaN
        found.month = index / item.max + 1
        at += item.max
        continue
      }
      let end = at + item.min
      while (end < at + item.max && isDigit(text.charCodeAt(end))) end += 1
      found[item.part] = digits(text, at, end - at)
      at = end
    }
    if (at !== text.length) return Number.NaN
    const year = found.shortYear < 0 ? found.year : fullYear(found.shortYear)
    const timeOfDay = clockMs(found.hour, found.minute, found.second) + found.millisecond
    return dateMs(year, found.month, found.day) + timeOfDay - found.offset
  }
}

function formatItems(format: string): readonly Item[] {
  const items: Item[] = []
  const parts = new Set<string>()
  let at = 0
  while (at < format.length) {
    itemPattern.lastIndex = at
    const match = itemPattern.exec(format)
    if (match === null) {
      throw new RangeError(
        `the time format ${format} has "${format.slice(at)}", which is no part of a time; use ${Object.keys(tokens).join(' ')}, and quotes around text: 'at'`,
      )
    }
    const text = match[1] ?? match[2]
    if (text !== undefined) items.push({ text })
    else {
      const token = tokens[match[0] as keyof typeof tokens]
      const part = token.part === 'shortYear' ? 'year' : token.part
      if (parts.has(part)) throw new RangeError(`the time format ${format} has the ${part} twice`)
      parts.add(part)
      items.push(token)
    }
    at += match[0].length
  }
  if (!parts.has('year')) throw new RangeError(`the time format ${format} has no year`)
  return items
}

/** Of a match of `offsetPattern`. */
function offsetMs([, sign, hours = '0', minutes = '0']: RegExpExecArray): number {
  const ms = 60_000 * (60 * Number(hours) + Number(minutes))
  return sign === '-' ? -ms : ms
}

/** Whether times of this format say how far they are from UTC. */
export function tellsOffset(format: string): boolean {
  return formatItems(format).some((item) => item === tokens.Z)
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

function fullYear(shortYear: number): number {
  return shortYear <= lastShortYear ? 2000 + shortYear : 1900 + shortYear
}
