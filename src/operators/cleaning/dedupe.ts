import { z } from 'zod'
import { duration, expression } from '../../core/config-types.ts'
import { identityText } from '../../core/identity-text.ts'
import { defineStateful, type StatefulOperator } from '../../core/operator.ts'

/** `key`, or a list with it: records that are the same have the same key, and so one partition. */
const keyAmongItems = /^\s*(?:key|\[(?:.*,)?\s*key\s*(?:,.*)?\])\s*$/s

export const dedupe = defineStateful({
  type: 'dedupe',
  kind: 'stateful',
  summary: 'Drop records that came before, within a span of event time and within a partition.',
  config: z
    .strictObject({
      by: expression().describe(
        'What identifies a record. A record for which it is null is no duplicate of any other.',
      ),
      within: duration()
        .prefault('10m')
        .describe('How far in event time from the first record a duplicate can be.'),
    })
    .refine(({ within }) => within > 0, '`within` must be longer than 0')
    .describe('What makes two records the same, and for how long the first is remembered.'),
  examples: [
    {
      title: 'The first of two orders with one id stays',
      config: { by: 'value.id', within: '10m' },
      input: [
        { id: 'a', amount: 1 },
        { id: 'a', amount: 2 },
        { id: 'b', amount: 3 },
      ],
      output: [
        { id: 'a', amount: 1 },
        { id: 'b', amount: 3 },
      ],
    },
    {
      title: 'Once the span is over, in the time that the records carry, the id counts as new',
      config: { by: 'value.id', within: '1m' },
      input: [
        { id: 'a', ts: '2026-01-01T12:00:00Z' },
        { id: 'a', ts: '2026-01-01T12:00:59Z' },
        { id: 'a', ts: '2026-01-01T12:01:00Z' },
      ],
      output: [
        { id: 'a', ts: '2026-01-01T12:00:00Z' },
        { id: 'a', ts: '2026-01-01T12:01:00Z' },
      ],
    },
  ],
  touches: () => [],
  keepsKey: ({ by }) => keyAmongItems.test(by.source),
  scopeWarning: () =>
    'DEDUPE_SCOPE: duplicates are found within one partition only; `by: key`, or the same expression as ' +
    '`key:` in the stage that the records come from, brings equal records into one partition',
  create({ by, within }): StatefulOperator<number> {
    const { evaluate } = by
    return {
      codec: { encode: String, decode: Number },
      process(record, context) {
        const id = identityText(evaluate(record))
        if (id === null) return context.emit(record)
        const { eventTimeMs } = record
        const firstMs = context.state.get(id)
        if (firstMs !== undefined && Math.abs(eventTimeMs - firstMs) < within) {
          return context.drop('deduplicated')
        }
        // Of two that are kept, the later one is remembered: its duplicates are still to come.
        if (firstMs === undefined || eventTimeMs > firstMs) {
          context.state.put(id, eventTimeMs, eventTimeMs + within)
        }
        context.emit(record)
      },
      onDue: (id, _firstMs, context) => context.state.delete(id),
      flushEveryMs: null,
      onFlush: () => {},
      /** What was seen is remembered over the end: a bounded input may grow. */
      onEnd: () => null,
    }
  },
})
