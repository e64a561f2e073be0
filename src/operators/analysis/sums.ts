import { Decimal } from '../../core/decimal.ts'
import { invariant } from '../../core/errors.ts'
import type { JsonValue } from '../../core/json.ts'
import type { Accumulator } from './accumulator.ts'
import { ExactSum, savedNumber } from './exact-sum.ts'
import { taggedDecimal, untaggedDecimal } from './tagged-decimal.ts'

/**
 * Numbers and decimals of one group, each kind summed exactly by itself, so that the order of arrival never
 * matters. With a decimal among them the whole is a decimal.
 */
class Total {
  readonly numbers: ExactSum
  decimals: Decimal | null
  count: number

  constructor(saved?: JsonValue) {
    if (saved === undefined) {
      this.numbers = new ExactSum()
      this.decimals = null
      this.count = 0
      return
    }
    invariant(Array.isArray(saved), 'a saved sum is a list')
    this.count = savedNumber(saved[0])
    this.numbers = ExactSum.load(saved[1])
    this.decimals = untaggedDecimal(saved[2])
  }

  add(value: JsonValue): void {
    if (typeof value === 'number') this.numbers.add(value)
    else {
      const decimal = untaggedDecimal(value)!
      this.decimals = this.decimals === null ? decimal : whole(Decimal.add(this.decimals, decimal))
    }
    this.count += 1
  }

  /** null where it is no sum of decimals. */
  get decimal(): Decimal | null {
    if (this.decimals === null) return null
    const numbers = Decimal.parse(shownNumber(this.numbers.toJson()))
    return whole(numbers === null ? null : Decimal.add(this.decimals, numbers))
  }

  save(): JsonValue {
    const { count, numbers, decimals } = this
    const all = [count, numbers.save()]
    return decimals === null ? all : [...all, taggedDecimal(decimals)]
  }
}

/** What is summed has few enough digits: the projection has seen to it. */
function whole(sum: Decimal | null): Decimal {
  invariant(sum !== null, 'a sum of decimals has fewer digits than decimals may have')
  return sum
}

function shownNumber(value: JsonValue): string {
  return typeof value === 'number' ? String(value) : JSON.stringify(value)
}

export class Sum implements Accumulator {
  readonly #total: Total

  constructor(saved?: JsonValue) {
    this.#total = new Total(saved)
  }

  static load(saved: JsonValue | undefined): Sum {
    return new Sum(saved ?? null)
  }

  add(value: JsonValue): void {
    this.#total.add(value)
  }

  result(): JsonValue {
    const { count, numbers, decimal } = this.#total
    return count === 0 ? null : (decimal ?? numbers.toJson())
  }

  save(): JsonValue {
    return this.#total.save()
  }
}

export class Average implements Accumulator {
  readonly #total: Total

  constructor(saved?: JsonValue) {
    this.#total = new Total(saved)
  }

  static load(saved: JsonValue | undefined): Average {
    return new Average(saved ?? null)
  }

  add(value: JsonValue): void {
    this.#total.add(value)
  }

  result(): JsonValue {
    const { count, numbers, decimal } = this.#total
    if (count === 0) return null
    if (decimal === null) return numbers.toNumber() / count
    return whole(Decimal.divide(decimal, whole(Decimal.of(BigInt(count), 0))))
  }

  save(): JsonValue {
    return this.#total.save()
  }
}
