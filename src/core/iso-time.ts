/** What turns the clock time of a text without a zone into epoch ms. */
export interface LocalTime {
  toEpochMs(localMs: number): number
}

const dayMs = 86_400_000
const dateLength = 10
const dash = 45
const colon = 58

/**
 * Epoch ms of an ISO 8601 date (`2026-01-31`) or date and time (`2026-01-31T18:20`, with seconds,
 * fractions of them and a zone where there are any; a space for the T); NaN for any other text and
 * for days and times that do not exist. Fractions below a millisecond are cut off.
 * @param local how to read a time without a zone; as UTC when absent.
 */
export function isoTimeMs(text: string, local: LocalTime | null = null): number {
  if (text.length < dateLength || text.charCodeAt(4) !== dash || text.charCodeAt(7) !== dash)
    return Number.NaN
  const date = dateMs(digits(text, 0, 4), digits(text, 5, 2), digits(text, 8, 2))
  if (text.length === dateLength) return local === null ? date : local.toEpochMs(date)
  const separator = text.charCodeAt(10)
  const isSeparated = separator === 84 || separator === 116 || separator === 32
  if (!isSeparated || text.charCodeAt(13) !== colon) return Number.NaN
  const hasSeconds = text.charCodeAt(16) === colon
  const seconds = hasSeconds ? digits(text, 17, 2) : 0
  let at = hasSeconds ? 19 : 16
  let fraction = 0
  const point = text.charCodeAt(at)
  if (hasSeconds && (point === 46 || point === 44)) {
    const end = digitsEnd(text, at + 1)
    if (end === at + 1) return Number.NaN
    fraction = milliseconds(text, at + 1, end)
    at = end
  }
  const timeMs = date + clockMs(digits(text, 11, 2), digits(text, 14, 2), seconds) + fraction
  if (at === text.length) return local === null ? timeMs : local.toEpochMs(timeMs)
  return timeMs - zoneMs(text, at)
}

/** Epoch ms of midnight UTC; NaN where there is no such day. Years from 0 to 9999. */
export function dateMs(year: number, month: number, day: number): number {
  if (!(month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month))) return Number.NaN
  // Days from civil: years begin in March, so that the leap day is the last of its year.
  const shifted = month > 2 ? year : year - 1
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return (era * 146_097 + dayOfEra - 719_468) * dayMs
}

/** Milliseconds since midnight; NaN where there is no such time of day. */
export function clockMs(hour: number, minute: number, second: number): number {
  const isInDay = hour <= 23 && minute <= 59 && second <= 59
  // ISO 8601 writes the midnight at the end of a day as 24:00.
  const isItsEnd = hour === 24 && minute === 0 && second === 0
  if (!isInDay && !isItsEnd) return Number.NaN
  return ((hour * 60 + minute) * 60 + second) * 1_000
}

/** The number that `count` digits from `start` make; NaN where one of them is no digit. */
export function digits(text: string, start: number, count: number): number {
  let number = 0
  for (let at = start; at < start + count; at++) {
    const digit = text.charCodeAt(at) - 48
    if (!(digit >= 0 && digit <= 9)) return Number.NaN
    number = number * 10 + digit
  }
  return number
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

function digitsEnd(text: string, start: number): number {
  let at = start
  while (at < text.length && text.charCodeAt(at) >= 48 && text.charCodeAt(at) <= 57) at += 1
  return at
}

function milliseconds(text: string, start: number, end: number): number {
  const count = Math.min(3, end - start)
  return digits(text, start, count) * 10 ** (3 - count)
}

/** The offset of `Z`, `+01:00`, `+0100` or `+01` that ends the text, in ms; NaN for anything else. */
function zoneMs(text: string, at: number): number {
  const left = text.length - at
  const sign = text.charCodeAt(at)
  if (left === 1) return sign === 90 || sign === 122 ? 0 : Number.NaN
  if (sign !== 43 && sign !== dash) return Number.NaN
  const hasColon = left === 6 && text.charCodeAt(at + 3) === colon
  if (left !== 3 && left !== 5 && !hasColon) return Number.NaN
  const minutes = left === 3 ? 0 : digits(text, text.length - 2, 2)
  const hours = digits(text, at + 1, 2)
  const offsetMs = hours < 24 ? clockMs(hours, minutes, 0) : Number.NaN
  return sign === dash ? -offsetMs : offsetMs
}
