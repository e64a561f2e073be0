/** `1.24 s`, `35 ms`, `0.8 µs`: three digits at most, in the unit that fits. */
export function showDuration(durationMs: number): string {
  if (durationMs < 0) return `-${showDuration(-durationMs)}`
  if (durationMs === 0) return '0'
  if (durationMs < 0.9995) return `${threeDigits(durationMs * 1_000)} µs`
  if (durationMs < 999.5) return `${threeDigits(durationMs)} ms`
  const seconds = durationMs / 1_000
  if (seconds < 59.95) return `${threeDigits(seconds)} s`
  const whole = Math.round(seconds)
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  const minutes = Math.round(seconds / 60)
  return `${showCount(Math.floor(minutes / 60))} h ${minutes % 60} min`
}

/** `1,234,567` */
export function showCount(count: number): string {
  return Math.round(count)
    .toString()
    .replaceAll(/\B(?=(?:\d{3})+$)/g, ',')
}

/** `830/s`, `182k/s`, `1.35M/s` */
export function showRate(perSecond: number): string {
  if (perSecond < 10) return `${threeDigits(perSecond)}/s`
  if (perSecond < 9_999.5) return `${showCount(perSecond)}/s`
  if (perSecond < 999_500) return `${Math.round(perSecond / 1_000)}k/s`
  return `${threeDigits(perSecond / 1e6)}M/s`
}

/** `12 MB` */
export function showBytes(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'] as const
  const power = bytes < 1_000 ? 0 : Math.min(4, Math.floor(Math.log10(bytes) / 3))
  return `${threeDigits(bytes / 1_000 ** power)} ${units[power]}`
}

function threeDigits(value: number): string {
  if (value >= 99.95) return String(Math.round(value))
  return String(Number(value.toFixed(value >= 9.995 ? 1 : 2)))
}
