import { z } from 'zod'
import { duration } from '../../core/config-types.ts'

export interface ResultSetting {
  readonly from: string
  /** ms */
  readonly timeout: number
  readonly dead_letters: string | readonly string[]
}

export interface ResultTexts {
  /** As it is written in a pipeline. */
  readonly timeout: string
  /** What becomes of a message without a result in time, as the end of a sentence. */
  readonly late: string
  /** How a message is answered that failed on its way, as the end of a sentence. */
  readonly failed: string
}

/** The setting of sources that answer a message with what becomes of it. */
export function resultSetting({ timeout, late, failed }: ResultTexts) {
  return z.strictObject({
    from: z
      .string()
      .min(1)
      .describe(
        'The topic in which results come. The result of a message is the first record there with its headers.',
      )
      .meta({ examples: ['orders.checked'] }),
    timeout: duration()
      .prefault(timeout)
      .describe(`How long a result is waited for; then ${late}.`),
    dead_letters: z
      .union([z.string().min(1), z.array(z.string().min(1))])
      .default([])
      .describe(`Dead-letter topics on the way there: a message that comes there ${failed}.`)
      .meta({ examples: ['orders.check.dlq'] }),
  })
}
