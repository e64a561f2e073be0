import { z } from 'zod'
import { duration, size } from '../../core/config-types.ts'
import { defineStateful, type StatefulOperator } from '../../core/operator.ts'
import { decodeHeld, encodeHeld, hold, released, type HeldRecord } from './held-record.ts'

const defaultMaxBytes = 268_435_456
const numberLength = 16

export const delay = defineStateful({
  type: 'delay',
  kind: 'stateful',
  summary: 'Hold each record for a while, in its order, before it goes on.',
  config: z
    .union([
      duration().transform((forMs) => ({ for: forMs, max_bytes: defaultMaxBytes })),
      z.strictObject({
        for: duration().describe('How long, by the clock on the wall.'),
        max_bytes: size()
          .prefault('256MiB')
          .describe(
            'What a partition holds at most, about: above it the stage reads nothing until some of it has left.',
          ),
      }),
    ])
    .refine((config) => config.for > 0, 'the time must be longer than 0')
    .describe(
      'How long a record is held from when it comes to this step, by the clock on the wall. What is held survives a restart. At the end of bounded input all of it leaves at once.',
    ),
  examples: [
    {
      title: 'Everything five seconds later, in the same order',
      config: '5s',
      input: [{ id: 1 }, { id: 2 }],
      output: [{ id: 1 }, { id: 2 }],
    },
    {
      title: 'An hour, with a limit of what is held',
      config: { for: '1h', max_bytes: '64MiB' },
      input: [
        { id: 1, ts: '2026-01-01T12:00:00Z' },
        { id: 2, ts: '2026-01-01T15:00:00Z' },
      ],
      output: [
        { id: 1, ts: '2026-01-01T12:00:00Z' },
        { id: 2, ts: '2026-01-01T15:00:00Z' },
      ],
    },
  ],
  create({ for: forMs, max_bytes: maxBytes }): StatefulOperator<HeldRecord> {
    /** Numbers the held records: those of one millisecond leave in this order. */
    let next: number | null = null
    return {
      codec: { encode: encodeHeld, decode: decodeHeld },
      timers: 'wall',
      maxBytes,
      process(record, context) {
        next ??= afterLast(context.state.keys())
        const key = String(next).padStart(numberLength, '0')
        next += 1
        context.state.put(key, hold(record), context.nowMs + forMs)
        context.absorb()
      },
      onDue(key, held, context) {
        context.state.delete(key)
        context.produce(released(held))
      },
      flushEveryMs: null,
      onFlush: () => {},
      onEnd(context) {
        for (const key of [...context.state.keys()].toSorted()) {
          const held = context.state.get(key)!
          context.state.delete(key)
          context.produce(released(held))
        }
        return null
      },
    }
  },
})

function afterLast(keys: Iterable<string>): number {
  let next = 0
  for (const key of keys) next = Math.max(next, Number(key) + 1)
  return next
}
