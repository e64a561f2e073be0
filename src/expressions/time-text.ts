/**
 * Epoch ms of an ISO 8601 date or date with time; no zone means UTC. NaN for what is no time, such as
 * February 30.
 */
export function parseTime(text: string): number {
  const match = isoPattern.exec(text)
  if (match === null) return Number.NaN
  const [
    ,
    year,
    month,
    day,
    hour = '0',
    minute = '0',
    second = '0',
    fraction = '',
    sign,
    zoneHour = '0',
    zoneMinute = '0',
  ] = match
  const date = { year: Number(year), month: Number(month), day: Number(day ?? 1) }
  const time = { hour: Number(hour), minute: Number(minute), second: Number(second) }
  const zone = { hour: Number(zoneHour), minute: Number(zoneMinute) }
  if (date.month < 1 || date.month > 12 || date.day < 1 || date.day > daysIn(date.year, date.month))
    return Number.NaN
  const isMidnightAtEnd =
    time.hour === 24 && time.minute === 0 && time.second === 0 && Number(fraction) === 0
  if ((time.hour > 23 && !isMidnightAtEnd) || time.minute > 59 || time.second > 59)
    return Number.NaN
  if (zone.hour > 23 || zone.minute > 59) return Number.NaN
  const offsetMinutes = (sign === '-' ? -1 : 1) * (zone.hour * 60 + zone.minute)
  const clockMs = ((time.hour * 60 + time.minute - offsetMinutes) * 60 + time.second) * 1_000
  return utcMidnight(date) + clockMs + Number(fraction.slice(0, 3).padEnd(3, '0'))
}

/** Up to nine digits of a second; digits after the milliseconds are cut off. */
const isoPattern =
  /^([+-]\d{6}|\d{4})-(\d{2})(?:-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?:[zZ]|([+-])(\d{2}):?(\d{2})?)?)?)?$/

function utcMidnight(date: { year: number; month: number; day: number }): number {
  const midnight = new Date(0)
  // Not Date.UTC, which takes the years 0 to 99 for 1900 to 1999.
  return midnight.setUTCFullYear(date.year, date.month - 1, date.day)
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}
