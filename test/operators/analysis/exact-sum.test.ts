import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeJson, encodeJson } from '../../../src/core/json.ts'
import { ExactSum } from '../../../src/operators/analysis/exact-sum.ts'

function sumOf(values: readonly number[]): ExactSum {
  const sum = new ExactSum()
  for (const value of values) sum.add(value)
  return sum
}

/** The value times 2^1074, which makes an integer of every double. */
function scaled(value: number): bigint {
  const bits = new DataView(new ArrayBuffer(8))
  bits.setFloat64(0, value)
  const raw = bits.getBigUint64(0)
  const exponent = Number((raw >> 52n) & 0x7ffn)
  const fraction = raw & 0xfffffffffffffn
  const magnitude = exponent === 0 ? fraction : (fraction | (1n << 52n)) << BigInt(exponent - 1)
  return raw >> 63n === 1n ? -magnitude : magnitude
}

/** The doubles next to a value. */
function neighbours(value: number): number[] {
  const bits = new DataView(new ArrayBuffer(8))
  bits.setFloat64(0, value)
  const raw = bits.getBigUint64(0)
  return [raw - 1n, raw + 1n].map((next) => {
    bits.setBigUint64(0, next)
    return bits.getFloat64(0)
  })
}

function distance(left: bigint, right: bigint): bigint {
  return left > right ? left - right : right - left
}

const summands = fc.oneof(
  fc.double({ noNaN: true, min: -1e290, max: 1e290 }),
  fc.double({ noNaN: true, min: -1e6, max: 1e6 }),
  fc.maxSafeInteger(),
  fc.integer(),
)

describe('the exact sum', () => {
  it('is the double next to the sum of the numbers', () => {
    fc.assert(
      fc.property(fc.array(summands), (values) => {
        const exact = values.reduce((sum, value) => sum + scaled(value), 0n)
        const rounded = sumOf(values).toNumber()
        if (rounded === 0) expect(exact).toBe(0n)
        else {
          const error = distance(scaled(rounded), exact)
          for (const other of neighbours(rounded)) {
            expect(error <= distance(scaled(other), exact)).toBe(true)
          }
        }
      }),
    )
  })

  it('is the same in every order', () => {
    const shuffled = fc
      .array(summands)
      .chain((values) =>
        fc.tuple(fc.constant(values), fc.shuffledSubarray(values, { minLength: values.length })),
      )
    fc.assert(
      fc.property(shuffled, ([values, other]) => {
        expect(sumOf(other).toNumber() + 0).toBe(sumOf(values).toNumber() + 0)
      }),
    )
  })

  it('does not lose small numbers among large ones', () => {
    expect(sumOf([1e16, 1, -1e16]).toNumber()).toBe(1)
    expect(sumOf([1e100, 0.1, -1e100]).toNumber()).toBe(0.1)
    expect(sumOf(Array.from({ length: 10 }, () => 0.1)).toNumber()).toBe(1)
  })

  it('rounds halves by what lies below them', () => {
    expect(sumOf([2 ** 53, 1, 2 ** -60]).toNumber()).toBe(2 ** 53 + 2)
    expect(sumOf([2 ** 53, 1, -(2 ** -60)]).toNumber()).toBe(2 ** 53)
  })

  it('keeps all digits of integers beyond 2^53', () => {
    const total = sumOf([Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, 3]).toJson()
    expect(encodeJson(total)).toBe('18014398509481985')
    const back = sumOf([Number.MAX_SAFE_INTEGER, 5, -Number.MAX_SAFE_INTEGER])
    expect(back.toJson()).toBe(5)
  })

  it('of integers agrees with big integers', () => {
    fc.assert(
      fc.property(fc.array(fc.maxSafeInteger()), (values) => {
        const total = values.reduce((sum, value) => sum + BigInt(value), 0n)
        expect(encodeJson(sumOf(values).toJson())).toBe(String(total))
      }),
    )
  })

  it('goes on from its saved text as if nothing had happened', () => {
    fc.assert(
      fc.property(fc.array(summands), fc.array(summands), (before, after) => {
        const loaded = ExactSum.load(decodeJson(encodeJson(sumOf(before).save())))
        for (const value of after) loaded.add(value)
        expect(encodeJson(loaded.toJson())).toBe(encodeJson(sumOf([...before, ...after]).toJson()))
      }),
    )
  })

  it('refuses a saved text that it has not made', () => {
    for (const saved of [null, 5, {}, [], [true], [true, 'x'], [true, 1, null]]) {
      expect(() => ExactSum.load(saved)).toThrow('saved')
    }
  })
})
