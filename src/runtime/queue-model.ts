import { showPercent } from './report-text.ts'

/** What was measured of a place where things wait for their turn; times in ms. */
export interface QueueFacts {
  /** `records`, or `events` of hooks. */
  readonly what: 'records' | 'events'
  readonly n: number
  /** Mean waiting time. */
  readonly s: number
  /** Mean processing time. */
  readonly t: number
  /** Between departures while busy, of all tasks together. */
  readonly busy: number
  /** Things ahead of another one when it came, added up; and departures, over which `busy` goes. */
  readonly ahead: number
  readonly departures: number
  readonly alone: number
  readonly early: number
  /** How many leave at a time, on average. */
  readonly batch: number
  /** Of all waiting: pauses between attempts. */
  readonly backoffShare: number
  readonly skewed: number
  readonly skew: number
  /** Where things are handled side by side, how many. */
  readonly tasks: number
  /** Waiting at the end. */
  readonly lag: number
  /** Mean number that waits, as looked at now and then; null where nobody could look. */
  readonly backlog: number | null
  /** Arrivals per second, over the time that the backlog was looked at. */
  readonly rate: number
}

/** What a queueing model says beside what was measured. */
export interface Prediction {
  /** Time between two departures of one task while it is busy, ms; null where that is not known. */
  readonly serviceTime: number | null
  /** How many were ahead when one came, on average; null where that is not known. */
  readonly ahead: number | null
  /** Waiting of one: `ahead * serviceTime`, ms. */
  readonly wait: Compared
  /** Little's law: how many wait on average is their arrival rate times their waiting time. */
  readonly backlog: Compared
  /** Why a formula does not hold, where it does not. */
  readonly notes: readonly string[]
}

export interface Compared {
  readonly predicted: number | null
  readonly measured: number | null
  /** How much of the measured one the model misses; null where there is nothing to compare. */
  readonly residualPercent: number | null
}

/** Beyond this a formula does not hold. */
export const maxResidualPercent = 20
/** Of fewer a mean says little. */
const fewThings = 100
const maxNotes = 3

export function predict(facts: QueueFacts): Prediction {
  const isKnown = facts.departures > 0 && facts.busy > 0 && facts.n > 0
  const serviceTime = isKnown ? facts.busy / facts.departures : null
  const ahead = isKnown ? facts.ahead / facts.n : null
  const wait = compared(isKnown ? ahead! * serviceTime! : null, facts.n > 0 ? facts.s : null)
  const law = facts.n > 0 && facts.rate > 0 ? (facts.rate * facts.s) / 1_000 : null
  const backlog = compared(facts.backlog === null ? null : law, facts.backlog)
  const notes = [
    ...skewNotes(facts),
    ...(holds(wait) ? [] : waitNotes(facts, { ...wait, serviceTime: serviceTime ?? 0 })),
    ...(holds(backlog) ? [] : backlogNotes(facts)),
  ]
  return { serviceTime, ahead, wait, backlog, notes: [...new Set(notes)].slice(0, maxNotes) }
}

function compared(predicted: number | null, measured: number | null): Compared {
  const residualPercent =
    predicted === null || measured === null || measured === 0
      ? null
      : (100 * (measured - predicted)) / measured
  return { predicted, measured, residualPercent }
}

function holds({ residualPercent }: Compared): boolean {
  return residualPercent === null || Math.abs(residualPercent) <= maxResidualPercent
}

function waitNotes(facts: QueueFacts, wait: Compared & { readonly serviceTime: number }): string[] {
  const { what, n, early, backoffShare, alone, departures } = facts
  if (n < fewThings) return [tooFew(facts)]
  const notes: string[] = []
  if (early > n / 100)
    notes.push(
      `${showPercent(early / n)} of the ${what} had come before the stage began to work: they waited for its start, not for others ahead`,
    )
  if (backoffShare > 0.1)
    notes.push(`${showPercent(backoffShare)} of the waiting is pauses before another attempt`)
  if (isBatching(facts, wait))
    notes.push(
      `${what} are taken and committed some ${Math.round(facts.batch)} at a time: each waits for those behind it too`,
    )
  if (departures > 0 && alone / departures > 0.5)
    notes.push(
      `${showPercent(alone / departures)} of the ${what} found none ahead: they waited for ${what === 'records' ? 'their commit' : 'their turn'} only`,
    )
  if (notes.length === 0 && facts.tasks > 1)
    notes.push(
      `${facts.tasks} ${what === 'records' ? 'tasks' : 'calls'} go on side by side and share the processor`,
    )
  return notes.length > 0
    ? notes
    : [
        'the time between departures varies: what else the process and the machine did is not in the formula',
      ]
}

/** Whether the waiting is what it would be if a thing waited for half of its batch more. */
function isBatching(
  { batch, n }: QueueFacts,
  { predicted, measured, serviceTime }: Compared & { readonly serviceTime: number },
): boolean {
  if (batch < 2 || n < 2 || predicted === null || measured === null) return false
  const together = predicted + (batch / 2) * serviceTime
  return measured > predicted && Math.abs(measured - together) < Math.abs(measured - predicted)
}

function backlogNotes(facts: QueueFacts): string[] {
  const { what, lag, n, t, s } = facts
  if (n < fewThings) return [tooFew(facts)]
  const notes: string[] = []
  if (lag > n / 20)
    notes.push(`the backlog was not steady: ${Math.round(lag)} ${what} wait at the end`)
  if (t > s / 20) notes.push(`the backlog counts the ${what} that are being worked on too`)
  return notes.length > 0 ? notes : [`${what} came in bursts between two looks at the backlog`]
}

function tooFew({ what, n }: QueueFacts): string {
  const few = n === 1 ? `1 ${what.slice(0, -1)} is` : `${n} ${what} are`
  return `${few} too few for a mean to say much`
}

/** Said also where nothing can be compared: what was measured itself is not right. */
function skewNotes({ what, skewed, skew }: QueueFacts): string[] {
  if (skewed === 0) return []
  return [
    `${skewed} ${what} came from a clock that is ahead of this one by up to ${skew.toFixed(1)} ms: their waits are shown too short by that`,
  ]
}
