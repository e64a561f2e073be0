import { z } from 'zod'
import { expression } from '../../core/config-types.ts'
import type { Expression } from '../../core/expression.ts'
import { canonicalText } from '../../core/identity-text.ts'
import { defineStateless } from '../../core/operator.ts'
import { murmur2 } from '../../core/partitioner.ts'
import type { StepRecord } from '../../core/step-record.ts'

const sharePattern = /^(?:(\d{1,15})\/(\d{1,15})|(\d{1,3}(?:\.\d{1,12})?)%)$/

/** `1/10`, `2.5%` or `0.1`; between 0 and 1 in code. */
function share() {
  return z
    .union([
      z
        .string()
        .regex(sharePattern, 'a share is a fraction or a percentage: 1/10, 2.5%')
        .transform((text) => {
          const [, part, whole, percent] = sharePattern.exec(text) ?? []
          return percent === undefined ? Number(part) / Number(whole) : Number(percent) / 100
        }),
      z.number(),
    ])
    .refine((value) => value > 0 && value <= 1, 'a share is more than 0 and at most all')
    .describe('The share of the records that is kept: 1/10, 2.5% or 0.1.')
}

export const sample = defineStateless({
  type: 'sample',
  kind: 'stateless',
  summary: 'Keep a share of the records; drop and count the others.',
  config: z
    .union([
      share().transform((rate): { rate: number; by: Expression | null } => ({ rate, by: null })),
      z.strictObject({
        rate: share(),
        by: expression()
          .nullable()
          .default(null)
          .describe(
            'Records for which it is equal are all kept, or all dropped. Left out, each one is chosen by where it lies: its topic, partition and offset.',
          ),
      }),
    ])
    .describe(
      'The share. Which records are kept follows from the records alone, and so is the same again after a crash.',
    ),
  examples: [
    {
      title: 'All records of a third of the users',
      config: { rate: '1/3', by: 'value.user' },
      input: [
        { user: 'ann', n: 1 },
        { user: 'bob', n: 2 },
        { user: 'cy', n: 3 },
        { user: 'dee', n: 4 },
        { user: 'ann', n: 5 },
      ],
      output: [
        { user: 'ann', n: 1 },
        { user: 'cy', n: 3 },
        { user: 'ann', n: 5 },
      ],
    },
    { title: 'All of them', config: '100%', input: [{ n: 1 }], output: [{ n: 1 }] },
  ],
  touches: ({ by }) => (by === null ? null : []),
  create({ rate, by }) {
    const idOf = by === null ? placeOf : textBy(by)
    const threshold = Math.round(rate * 2 ** 32)
    return {
      process(record, context) {
        if (mixed(murmur2(Buffer.from(idOf(record)))) < threshold) context.emit(record)
        else context.drop('filtered')
      },
    }
  },
})

function textBy({ evaluate }: Expression): (record: StepRecord) => string {
  return (record) => canonicalText(evaluate(record))
}

/** What comes from outside, or was made by a step, lies nowhere: there its value has to do. */
function placeOf(record: StepRecord): string {
  const { topic, partition, offset } = record
  return offset === null ? canonicalText(record.value) : `${topic}/${partition}/${offset}`
}

/** Spreads a hash evenly, and makes it another one than that which chose the partition (murmur3's finalizer). */
function mixed(hash: number): number {
  let h = hash ^ 0x5bf03635
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
