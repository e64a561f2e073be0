import { hash } from 'node:crypto'
import { z } from 'zod'
import { duration, expression } from '../../core/config-types.ts'
import { encodeJson, isExactNumber, isJsonObject, type JsonValue } from '../../core/json.ts'
import { defineStateful, type StatefulOperator } from '../../core/operator.ts'

/** A longer text is remembered by its hash: the size of the state must not be up to the data. */
const maxIdLength = 256

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
  create({ by, within }): StatefulOperator<number> {
    const { evaluate } = by
    return {
      codec: { encode: String, decode: Number },
      process(record, context) {
        const id = idOf(evaluate(record))
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

function idOf(value: JsonValue): string | null {
  if (value === null) return null
  const text = textOf(value)
  return text.length <= maxIdLength ? text : `sha256:${hash('sha256', text, 'hex')}`
}

function textOf(value: JsonValue): string {
  if (typeof value === 'string') return value
  if (value instanceof Date) return value.toISOString()
  if (isExactNumber(value)) return value.rawJSON
  return typeof value === 'object' ? encodeJson(canonical(value)) : String(value)
}

/** The value with the fields of all objects in the order of their names. */
function canonical(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(canonical)
  if (!isJsonObject(value)) return value
  const names = Object.keys(value).toSorted()
  return Object.fromEntries(names.map((name) => [name, canonical(value[name]!)]))
}
