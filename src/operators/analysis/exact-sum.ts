import { invariant } from '../../core/errors.ts'
import { decodeJson, type JsonValue } from '../../core/json.ts'

/**
 * The largest magnitude that can be summed: 10^18 of them do not yet leave the range of a double, so
 * that no intermediate sum can.
 */
export const maxSummand = 1e290

/**
 * A sum without rounding on the way (Shewchuk's expansions, as Python's `fsum`): whatever the order
 * of the numbers, and wherever the state was saved and restored, the result is the same.
 */
export class ExactSum {
  /** Part of the sum that integers make, as long as it stays below 2^53. */
  #whole = 0
  /** The rest, as doubles that do not overlap, smallest first; their exact sum counts. */
  #partials: number[] = []
  #isInteger = true

  /** @param value finite, at most `maxSummand` in magnitude. */
  add(value: number): void {
    if (Number.isSafeInteger(value)) {
      const whole = this.#whole + value
      if (Number.isSafeInteger(whole)) {
        this.#whole = whole
        return
      }
    } else this.#isInteger = false
    grow(this.#partials, value)
  }

  /** The double next to the exact sum. */
  toNumber(): number {
    if (this.#partials.length === 0) return this.#whole
    const partials = [...this.#partials]
    grow(partials, this.#whole)
    return roundedSum(partials)
  }

  /** As `toNumber`, but a sum of integers beyond 2^53 keeps all its digits, as an `ExactNumber`. */
  toJson(): JsonValue {
    if (!this.#isInteger || this.#partials.length === 0) return this.toNumber()
    let sum = BigInt(this.#whole)
    for (const partial of this.#partials) sum += BigInt(partial)
    return decodeJson(String(sum))
  }

  save(): JsonValue {
    return [this.#isInteger, this.#whole, ...this.#partials]
  }

  static load(saved: JsonValue | undefined): ExactSum {
    invariant(Array.isArray(saved), 'a saved sum is a list')
    const [isInteger, whole, ...partials] = saved
    const sum = new ExactSum()
    invariant(typeof isInteger === 'boolean', 'a saved sum says whether it is an integer')
    sum.#isInteger = isInteger
    sum.#whole = savedNumber(whole)
    sum.#partials = partials.map(savedNumber)
    return sum
  }
}

/** A number of a saved state. */
export function savedNumber(saved: JsonValue | undefined): number {
  invariant(typeof saved === 'number', 'the saved state holds a number here')
  return saved
}

/** Adds a number to an expansion, in place. */
function grow(partials: number[], added: number): void {
  let rest = added
  let kept = 0
  for (let index = 0; index < partials.length; index++) {
    const partial = partials[index]!
    const sum = rest + partial
    const error =
      Math.abs(rest) < Math.abs(partial) ? rest - (sum - partial) : partial - (sum - rest)
    if (error !== 0) {
      partials[kept] = error
      kept += 1
    }
    rest = sum
  }
  partials.length = kept
  if (rest !== 0 || kept === 0) partials.push(rest)
}

/** The double next to the exact sum of an expansion, ties to even. */
function roundedSum(partials: readonly number[]): number {
  let at = partials.length - 1
  let sum = partials[at] ?? 0
  let error = 0
  while (at > 0 && error === 0) {
    at -= 1
    const partial = partials[at]!
    const next = sum + partial
    error = partial - (next - sum)
    sum = next
  }
  // Halfway between two doubles, what is left below decides.
  const below = partials[at - 1]
  if (error !== 0 && below !== undefined && error < 0 === below < 0) {
    const doubled = 2 * error
    const next = sum + doubled
    if (next - sum === doubled) sum = next
  }
  return sum
}
