import { z } from 'zod'
import { expression, size } from '../../core/config-types.ts'
import { RecordFailure } from '../../core/errors.ts'
import type { Expression } from '../../core/expression.ts'
import { identityText } from '../../core/identity-text.ts'
import { defineStateful, type StatefulOperator } from '../../core/operator.ts'
import { rate, type Rate } from '../../core/rate.ts'
import { ThrottleQueues, type Waiting } from './throttle-queues.ts'
import { passedCodec, passing, type Passed } from './passed-times.ts'

/** For each key so many times are remembered. */
const maxCount = 10_000

export const throttle = defineStateful({
  type: 'throttle',
  kind: 'stateful',
  summary:
    'Let so many records pass in a span of time, of each key; delay, drop or fail the others.',
  config: z
    .strictObject({
      by: expression()
        .prefault(null)
        .describe(
          'Whose records are counted together; left out, or null, all of the partition. Equal ones have to be in one partition.',
        ),
      rate: rate(maxCount).describe('How many pass in any span of this length.'),
      over: z
        .enum(['delay', 'drop', 'dlq'])
        .default('delay')
        .describe(
          'What becomes of the others. delay: they wait for their turn by the clock on the wall, in order. drop: they are counted as skipped; dlq: they fail with RECORD_THROTTLED; both by event time.',
        ),
      max_bytes: size()
        .prefault('256MiB')
        .describe(
          'With delay: what a partition holds at most, about. Above it the stage reads nothing until some of it has left.',
        ),
    })
    .describe('How many records pass, of whom, and what becomes of the others.'),
  examples: [
    {
      title: 'Two messages of each user in ten seconds; more are dropped',
      config: { by: 'value.user', rate: '2/10s', over: 'drop' },
      input: [
        { user: 'ann', n: 1, ts: '2026-01-01T12:00:00Z' },
        { user: 'ann', n: 2, ts: '2026-01-01T12:00:01Z' },
        { user: 'ann', n: 3, ts: '2026-01-01T12:00:02Z' },
        { user: 'bob', n: 4, ts: '2026-01-01T12:00:03Z' },
        { user: 'ann', n: 5, ts: '2026-01-01T12:00:10Z' },
      ],
      output: [
        { user: 'ann', n: 1, ts: '2026-01-01T12:00:00Z' },
        { user: 'ann', n: 2, ts: '2026-01-01T12:00:01Z' },
        { user: 'bob', n: 4, ts: '2026-01-01T12:00:03Z' },
        { user: 'ann', n: 5, ts: '2026-01-01T12:00:10Z' },
      ],
    },
    {
      title: 'One a second; the second one waits, and loses nothing',
      config: { rate: '1/s' },
      input: [{ n: 1 }, { n: 2 }],
      output: [{ n: 1 }, { n: 2 }],
    },
  ],
  /** What waits is kept as a whole. */
  touches: ({ over }) => (over === 'delay' ? null : []),
  keepsKey: ({ by }) => by.source.trim() === 'key',
  scopeWarning: () =>
    'THROTTLE_SCOPE: the rate holds within each partition; `by: key`, or the same expression as `key:` in ' +
    'the stage that the records come from, brings records of one kind into one partition',
  create({ by, rate: limit, over, max_bytes: maxBytes }): StatefulOperator<Passed | Waiting> {
    if (over === 'delay') return new ThrottleQueues({ by, limit, maxBytes })
    return refusing({ by, limit, over })
  },
})

/** Refuses what is above the rate, by event time. */
function refusing(setting: {
  by: Expression
  limit: Rate
  over: 'drop' | 'dlq'
}): StatefulOperator<Passed> {
  const { by, limit, over } = setting
  const { evaluate } = by
  const { count, perMs } = limit
  return {
    codec: passedCodec,
    process(record, context) {
      const key = identityText(evaluate(record)) ?? ''
      const passed = passing(context.state.get(key) ?? [], record.eventTimeMs, limit)
      if (passed !== null) {
        context.state.put(key, passed, passed.at(-1)! + perMs)
        return context.emit(record)
      }
      if (over === 'drop') return context.drop('skipped')
      throw new RecordFailure(
        'RECORD_THROTTLED',
        `${count} ${count === 1 ? 'record' : 'records'} of its kind passed within ${perMs} ms`,
      )
    },
    onDue: (key, _passed, context) => context.state.delete(key),
    flushEveryMs: null,
    onFlush: () => {},
    onEnd: () => null,
  }
}
