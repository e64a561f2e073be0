import type { Rate } from '../../core/rate.ts'
import type { StateCodec } from '../../core/operator.ts'

/** When records of a key have passed, epoch ms, in order of time. */
export type Passed = readonly number[]

/**
 * The times with one more, where no span of the rate then has more than its count; else null. Nothing is
 * remembered for longer than two spans: what is older than the newest by more than one counts as just so old.
 */
export function passing(passed: Passed, timeMs: number, { count, perMs }: Rate): Passed | null {
  const newestMs = passed.at(-1) ?? timeMs
  const countedMs = Math.max(timeMs, newestMs - perMs)
  let at = passed.length
  while (at > 0 && passed[at - 1]! > countedMs) at -= 1
  const first = Math.max(0, at - count)
  // With it at `at`, every `count + 1` neighbours that it is one of have to reach over a whole span.
  for (let from = first; from <= at && from + count <= passed.length; from++) {
    const to = from + count
    const fromMs = from === at ? countedMs : passed[from]!
    const toMs = to === at ? countedMs : passed[to - 1]!
    if (toMs - fromMs < perMs) return null
  }
  const keptFromMs = Math.max(newestMs, countedMs) - 2 * perMs
  const kept = passed.filter((ms, index) => index < at && ms > keptFromMs)
  return [...kept, countedMs, ...passed.slice(at)]
}

/** The times of the last span before `nowMs`; a clock that was set back has passed nothing in the future. */
export function lately(passed: Passed, nowMs: number, { perMs }: Rate): Passed {
  return passed.map((ms) => Math.min(ms, nowMs)).filter((ms) => ms > nowMs - perMs)
}

/** The first time as it is, the others by how much they are later. */
export const passedCodec: StateCodec<Passed> = {
  encode: (passed) =>
    passed.map((ms, index) => (index === 0 ? ms : ms - passed[index - 1]!)).join(' '),
  decode(text) {
    let ms = 0
    return text === '' ? [] : text.split(' ').map((step) => (ms += Number(step)))
  },
}
