import { z } from 'zod'
import { duration } from '../core/config-types.ts'

/** How records of a pipeline are traced, once spans are sent anywhere at all. */
export interface TracingSettings {
  /** Traces that begin in a second, by process; Infinity: all that the limit of spans leaves room for. */
  readonly perSecond: number
  /** Records that wait or run for longer, ms, are traced; `auto`: the slowest of a thousand; null: none. */
  readonly slowMs: number | 'auto' | null
  /** What becomes of the trace of a record from outside. */
  readonly continues: 'parent' | 'link' | 'off'
  /** Links from the result of a window to records in it. */
  readonly maxLinks: number
}

const secondsOf = { s: 1, m: 60, h: 3_600 } as const
const ratePattern = /^(?:(\d+(?:\.\d+)?)\/([smh])|all|off)$/
const defaultLinks = 32
/** What tools for traces keep of a span. */
const maxLinks = 128

function rate() {
  return z
    .string()
    .regex(
      ratePattern,
      'a rate of traces is a number by time, such as 5/s or 30/m, or "all" or "off"',
    )
    .meta({ examples: ['5/s', '30/m', 'all', 'off'] })
    .transform(perSecond)
}

function perSecond(text: string): number {
  if (text === 'all') return Number.POSITIVE_INFINITY
  if (text === 'off') return 0
  const [, amount = '0', unit = 's'] = ratePattern.exec(text) ?? []
  return Number(amount) / secondsOf[unit as keyof typeof secondsOf]
}

export function tracing() {
  return z.strictObject({
    rate: rate()
      .prefault('5/s')
      .describe(
        'Traces that begin at sources and topics from outside, in each process: a number by time, `all`, or `off`. Records that fail, are retried or are slow are traced besides, as many again and 5 a second at least. What is traced is no fixed share of the records, so `tracestate` has no `ot=th`; to count records, use metrics.',
      ),
    slow: z
      .union([z.enum(['auto', 'off']), duration()])
      .prefault('auto')
      .describe(
        'A record that waits or runs for longer is traced. auto: longer than 999 of 1,000 in its stage, and than 100 ms.',
      ),
    continue: z
      .enum(['parent', 'link', 'off'])
      .default('parent')
      .describe(
        'What becomes of a `traceparent` that a record brings from outside: its trace goes on (parent), a new one begins that links to it (link), or it is not looked at (off).',
      ),
    links: z
      .int()
      .min(0)
      .max(maxLinks)
      .default(defaultLinks)
      .describe(
        'Links from the span of a window to spans of records in it. Of a window that was open over a restart: to those since then.',
      ),
  })
}

export function tracingSettings(file: z.output<ReturnType<typeof tracing>>): TracingSettings {
  const slowMs = file.slow === 'off' ? null : file.slow
  return { perSecond: file.rate, slowMs, continues: file.continue, maxLinks: file.links }
}

/** Of a file that says nothing of it. */
export const defaultTracing: TracingSettings = tracingSettings(tracing().parse({}))
