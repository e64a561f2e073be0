import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  transactionOutcome,
  type OffsetEvidence,
} from '../../../../src/logs/kafka/producing/transaction-outcome.ts'

const offset = fc.bigInt({ min: 0n, max: 50n })
const step = fc.record({ previous: fc.option(offset), next: offset })
const steps = fc.array(step, { minLength: 1, maxLength: 4 })

function found(
  inputs: readonly { previous: bigint | null; next: bigint }[],
  pick: (input: { previous: bigint | null; next: bigint }) => bigint | null,
): OffsetEvidence[] {
  return inputs.map((input) => ({ ...input, found: pick(input) }))
}

describe('transactionOutcome', () => {
  it('tells a transaction that was committed from one that was not, where a position moves', () => {
    const moving = steps.filter((inputs) => inputs.some(({ previous, next }) => previous !== next))
    fc.assert(
      fc.property(moving, (inputs) => {
        expect(transactionOutcome(found(inputs, ({ next }) => next))).toBe('committed')
        expect(transactionOutcome(found(inputs, ({ previous }) => previous))).toBe('not_kept')
      }),
    )
  })

  it('cannot tell where no position moves', () => {
    fc.assert(
      fc.property(fc.array(offset, { maxLength: 4 }), (offsets) => {
        const inputs = offsets.map((at) => ({ previous: at, next: at }))
        expect(transactionOutcome(found(inputs, ({ next }) => next))).toBe('unknown')
      }),
    )
  })

  it('finds positions of somebody else, also when only one of them is', () => {
    fc.assert(
      fc.property(steps, fc.nat(), (inputs, pick) => {
        const evidence = found(inputs, ({ next }) => next)
        const at = pick % evidence.length
        evidence[at] = { ...evidence[at]!, found: 99n }
        expect(transactionOutcome(evidence)).toBe('foreign')
      }),
    )
  })

  it('takes a transaction of which only a part can be seen for somebody else’s', () => {
    const torn: OffsetEvidence[] = [
      { previous: 1n, next: 2n, found: 2n },
      { previous: null, next: 5n, found: null },
    ]
    expect(transactionOutcome(torn)).toBe('foreign')
  })
})
