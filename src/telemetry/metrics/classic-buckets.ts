/**
 * Upper bounds of the buckets that Prometheus scrapes, µs: 10 µs to 300 s in steps of 1, 2.5 and 5. Each
 * is a series of its own, so there are few.
 */
export const classicBoundsUs: readonly number[] = [
  ...[1, 2, 3, 4, 5, 6, 7].flatMap((power) => [1, 2.5, 5].map((step) => step * 10 ** power)),
  100e6,
  300e6,
]

/** The number of the bucket that a duration belongs to; that after the last bound has no end. */
export function classicBucketOf(durationUs: number): number {
  const index = classicBoundsUs.findIndex((boundUs) => durationUs <= boundUs)
  return index === -1 ? classicBoundsUs.length : index
}
