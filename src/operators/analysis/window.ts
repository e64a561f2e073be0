/** The largest distance from 1970 that a `Date`, and so ISO 8601 text, can hold, in ms. */
const maxTimeMs = 8.64e15

/**
 * The start of the tumbling window that holds `timeMs`. Windows are aligned to the epoch, also before
 * it: a window of 10 s that holds -1 ms starts at -10 s.
 */
export function tumblingStart(timeMs: number, sizeMs: number): number {
  const start = Math.floor(timeMs / sizeMs) * sizeMs
  // The quotient is rounded: next to a border it can fall on the wrong side.
  if (start > timeMs) return start - sizeMs
  return timeMs - start >= sizeMs ? start + sizeMs : start
}

/** Whether start and end of the window that holds `timeMs` can be written as ISO 8601 text. */
export function isWindowable(timeMs: number, sizeMs: number): boolean {
  return Math.abs(timeMs) <= maxTimeMs - sizeMs
}

export function isoUtc(timeMs: number): string {
  return new Date(timeMs).toISOString()
}
