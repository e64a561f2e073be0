import { describe, expect, it } from 'vitest'
import { Unwritten } from '../../src/runtime/unwritten.ts'
import { aBatch } from '../endpoints/endpoint-fixture.ts'

const origins = {
  input: (index: number) => `in/${index}`,
  offset: (index: number) => BigInt(10 + index),
  ordinal: (index: number) => index % 2,
}

describe('what a sink has not taken yet', () => {
  it('keeps values and origins, and knows its places in the whole, however often it shrinks', () => {
    const whole = new Unwritten(aBatch(['a', null, 'c', 'd', 'e']), origins)
    const some = whole.only([1, 3, 4])
    const last = some.only([2])
    expect([0, 1, 2].map((index) => some.batch.valueText(index))).toEqual([null, 'd', 'e'])
    expect([0, 1, 2].map((index) => some.at(index))).toEqual([1, 3, 4])
    expect(last.batch.valueText(0)).toBe('e')
    expect(last.at(0)).toBe(4)
    expect(last.origins.input(0)).toBe('in/4')
    expect(last.origins.offset(0)).toBe(14n)
    expect(some.origins.ordinal(1)).toBe(1)
  })

  it('is the same where nothing was taken', () => {
    const whole = new Unwritten(aBatch(['a', 'b']), origins)
    expect(whole.only([0, 1])).toBe(whole)
  })
})
