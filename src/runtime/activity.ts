/** When something was at work and had something to do, epoch µs; NaN: never. */
export interface Activity {
  readonly firstUs: number
  readonly lastUs: number
  readonly firstArrivalUs: number
  readonly lastArrivalUs: number
}

/** Takes in that of another process. */
export function addActivity(
  to: { -readonly [Name in keyof Activity]: number },
  from: Activity,
): void {
  to.firstUs = fromEither(Math.min, to.firstUs, from.firstUs)
  to.lastUs = fromEither(Math.max, to.lastUs, from.lastUs)
  to.firstArrivalUs = fromEither(Math.min, to.firstArrivalUs, from.firstArrivalUs)
  to.lastArrivalUs = fromEither(Math.max, to.lastArrivalUs, from.lastArrivalUs)
}

/** Where it was at work before, it was so up to its last commit then. */
export function activityDelta(now: Activity, before: Activity): Activity {
  const isNew = now.lastUs !== before.lastUs && !Number.isNaN(now.lastUs)
  const hasArrivals = now.lastArrivalUs !== before.lastArrivalUs && !Number.isNaN(now.lastArrivalUs)
  return {
    firstUs: isNew ? firstOf(before.lastUs, now.firstUs) : Number.NaN,
    lastUs: isNew ? now.lastUs : Number.NaN,
    firstArrivalUs: hasArrivals ? firstOf(before.lastArrivalUs, now.firstArrivalUs) : Number.NaN,
    lastArrivalUs: hasArrivals ? now.lastArrivalUs : Number.NaN,
  }
}

function firstOf(beforeUs: number, firstUs: number): number {
  return Number.isNaN(beforeUs) ? firstUs : beforeUs
}

function fromEither(choose: typeof Math.min, left: number, right: number): number {
  if (Number.isNaN(left)) return right
  return Number.isNaN(right) ? left : choose(left, right)
}
