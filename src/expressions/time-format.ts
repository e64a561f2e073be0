import { describe, fail, madeText } from './values.ts'

/** Zones whose formatters are kept: names may come from data, so their number is bounded. */
const maxKeptZones = 64
const formatters = new Map<string, Intl.DateTimeFormat>()

const tokenPattern = /'((?:[^']|'')*)'|yyyy|yy|MM|dd|HH|mm|ss|SSS|[A-Za-z]+/g

/** @param local a date whose UTC fields are the local ones. */
export function formatTime(local: Date, format: string): string {
  const text = format.replaceAll(tokenPattern, (token: string, literal: string | undefined) => {
    if (literal !== undefined) return literal === '' ? "'" : literal.replaceAll("''", "'")
    const read = Object.hasOwn(tokens, token) ? tokens[token] : undefined
    if (read === undefined)
      return fail(
        `format_time: unknown ${describe(token)}; use yyyy, yy, MM, dd, HH, mm, ss, SSS, or 'text' in quotes`,
      )
    return read(local)
  })
  return madeText(text, 'format_time')
}

const tokens: Readonly<Record<string, (date: Date) => string>> = {
  yyyy: (date) => digits(date.getUTCFullYear(), 4),
  yy: (date) => digits(date.getUTCFullYear() % 100, 2),
  MM: (date) => digits(date.getUTCMonth() + 1, 2),
  dd: (date) => digits(date.getUTCDate(), 2),
  HH: (date) => digits(date.getUTCHours(), 2),
  mm: (date) => digits(date.getUTCMinutes(), 2),
  ss: (date) => digits(date.getUTCSeconds(), 2),
  SSS: (date) => digits(date.getUTCMilliseconds(), 3),
}

function digits(value: number, width: number): string {
  return String(value).padStart(width, '0')
}

/** How far the clocks of a zone are ahead of UTC at a time. */
export function zoneOffsetMs(timeMs: number, zone: string): number {
  if (zone === 'UTC' || zone === 'Z') return 0
  const name =
    formatterOf(zone)
      .formatToParts(timeMs)
      .find(({ type }) => type === 'timeZoneName')?.value ?? 'GMT'
  const [, sign, hours = '0', minutes = '0', seconds = '0'] =
    /([+-])(\d{2}):(\d{2})(?::(\d{2}))?$/.exec(name) ?? []
  const offset = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1_000
  return sign === '-' ? -offset : offset
}

function formatterOf(zone: string): Intl.DateTimeFormat {
  const kept = formatters.get(zone)
  if (kept !== undefined) return kept
  const made = makeFormatter(zone)
  if (formatters.size >= maxKeptZones) formatters.clear()
  formatters.set(zone, made)
  return made
}

function makeFormatter(zone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' })
  } catch {
    return fail(`format_time: ${describe(zone)} is no time zone, such as Europe/Amsterdam`)
  }
}
