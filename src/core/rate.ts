import { z } from 'zod'
import { parseDuration } from './config-types.ts'

/** So many in a span of time. */
export interface Rate {
  readonly count: number
  readonly perMs: number
}

const ratePattern = /^(\d{1,9})\/(\d+(?:\.\d+)?)?(us|ms|s|m|h|d)$/

/** `5/10s`, `100/s`: so many in each span of this length. */
export function rate(maxCount: number) {
  return z
    .string()
    .regex(ratePattern, 'a rate is a number of records and a time: 5/10s, 100/s, 1000/1m')
    .meta({ format: 'rate', examples: ['5/10s', '100/s'] })
    .transform((text): Rate => {
      const [, count = '0', amount = '1', unit = 's'] = ratePattern.exec(text) ?? []
      return { count: Number(count), perMs: parseDuration(`${amount}${unit}`) }
    })
    .refine(({ count, perMs }) => count > 0 && perMs > 0, 'both numbers must be more than 0')
    .refine(({ count }) => count <= maxCount, `so many cannot be counted: ${maxCount} at most`)
}
