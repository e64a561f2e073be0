import { z } from 'zod'
import { duration } from '../core/config-types.ts'

const status = z.int().min(100).max(599)
const noAnswer = z.enum(['timeout', 'refused'])
const peerAnswer = z.union([status, noAnswer, z.literal('ok')])
const stubAnswer = z.union([
  status,
  noAnswer,
  z.strictObject({
    status: status.describe('The status of HTTP.'),
    body: z.unknown().default(null).describe('Text as it is, any other value as JSON.'),
    headers: z.record(z.string(), z.string()).default({}).describe('Headers of the answer.'),
  }),
])
export type PlannedAnswer = z.output<typeof peerAnswer>
export type PlannedStub = z.output<typeof stubAnswer>

/** Steps of a test, in the form of definitions: they are read and documented in the same way. */
export const testStepDefinitions = [
  {
    type: 'send',
    summary: 'Sends records to a source stage or topic: a value, `$record` or `$raw` each.',
    config: z
      .record(z.string(), z.array(z.unknown()).min(1))
      .refine(
        (to) => Object.keys(to).length > 0,
        'it names where the records go: "STAGE: [VALUE]"',
      ),
  },
  {
    type: 'advance',
    summary: 'Lets wall time pass.',
    config: duration(),
  },
  {
    type: 'fail',
    summary:
      'What the peer of a sink answers to the next attempts: `ok`, a status of HTTP, `timeout` or `refused`; then all goes well. Pauses between attempts pass by themselves.',
    config: z
      .record(z.string(), z.array(peerAnswer).min(1))
      .refine(
        (of) => Object.keys(of).length > 0,
        'it names a stage with a sink: "STAGE: [503, timeout, ok]"',
      ),
  },
  {
    type: 'stub',
    summary:
      'What is answered to calls over HTTP, by the name of a table or stage or by the beginning of a URL; the last answer repeats. A call without a stub fails the test.',
    config: z
      .record(z.string(), z.array(stubAnswer).min(1))
      .refine(
        (of) => Object.keys(of).length > 0,
        'it names who calls, and the answers: "NAME: [{ status: 200, body: {} }]"',
      ),
  },
  {
    type: 'restart',
    summary: 'Crashes the pipeline and starts it again.',
    config: z.strictObject({}),
  },
  {
    type: 'expect',
    summary: 'What topics, `dlq`, `late`, `filtered`, events and sinks must hold by now.',
    config: z
      .record(z.string(), z.unknown())
      .refine(
        (of) => Object.keys(of).length > 0,
        'at least one topic, sink, event or `dlq` is expected',
      ),
  },
] as const

const isoTime =
  /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})?)?$/
const hasZone = /(?:Z|[+-]\d{2}:\d{2})$/

/** An ISO 8601 time, without a zone in UTC; epoch ms in code. */
function clock() {
  return z
    .string()
    .refine((text) => !Number.isNaN(parseTime(text)), 'a time is ISO 8601: 2026-01-01T00:00:00Z')
    .meta({ examples: ['2026-01-01T00:00:00Z'] })
    .transform(parseTime)
}

function parseTime(text: string): number {
  if (!isoTime.test(text)) return Number.NaN
  // A date alone is UTC already.
  return Date.parse(hasZone.test(text) || !text.includes('T') ? text : `${text}Z`)
}

export function pipelineTest(step: z.ZodType) {
  return z.strictObject({
    name: z.string().min(1).describe('The rule that the test checks, as a sentence.'),
    clock: clock()
      .optional()
      .describe(
        'The wall clock at the start (default 2026-01-01T00:00:00Z); given, `max_future` applies.',
      ),
    partitions: z.int().min(1).max(64).default(1).describe('Partitions of each topic.'),
    end: z
      .enum(['close', 'open'])
      .default('close')
      .describe('Whether the sources end before the last `expect`, which closes all windows.'),
    steps: z
      .array(step)
      .min(1)
      .describe('What is sent, what happens, and what is expected, in order.'),
  })
}
