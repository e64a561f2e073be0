import { z } from 'zod'
import { duration, expression, fieldPath, size } from '../../core/config-types.ts'
import { placeField } from '../../core/field-edit.ts'
import { parseFieldPath } from '../../core/field-path.ts'
import { canonicalText, identityText } from '../../core/identity-text.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import { defineStateful, type StatefulContext, type StatefulOperator } from '../../core/operator.ts'
import { decodeHeld, encodeHeld, hold, released, type HeldRecord } from './held-record.ts'

const maxRecords = 10_000

/** A batch that is not yet full: its records are numbered from 0 on. */
interface Open {
  /** Of the result. */
  readonly key: string | null
  readonly records: number
  readonly bytes: number
  readonly eventTimeMs: number
  /** Epoch ms of the clock on the wall. */
  readonly dueMs: number
}

type Kept = { readonly open: Open } | { readonly held: HeldRecord }
type Context = StatefulContext<Kept>

const openPrefix = 'b'
const heldPrefix = 'h'

const config = z.strictObject({
  records: z
    .int()
    .min(1)
    .max(maxRecords)
    .default(100)
    .describe('How many records make a batch full.'),
  bytes: size()
    .prefault('512KiB')
    .describe('How many bytes of JSON make it full. A larger record is a batch of its own.'),
  within: duration()
    .prefault('1s')
    .describe(
      'How long the first record of a batch waits at most, by the clock on the wall, until it leaves as it is.',
    ),
  by: expression()
    .prefault(null)
    .describe(
      'Records of one batch have this in common; it becomes the key of the batch. Left out, or null: all records of the partition, without a key.',
    ),
  into: fieldPath()
    .nullable()
    .default(null)
    .describe('The field that gets the list. Left out, the list is the whole value.'),
  max_bytes: size()
    .prefault('256MiB')
    .describe(
      'What a partition holds at most, about: above it the stage reads nothing until some of it has left.',
    ),
})

export const batch = defineStateful({
  type: 'batch',
  kind: 'stateful',
  summary: 'Make one record with a list of several; `split` does the reverse.',
  config: config.describe(
    'When a batch is full. It has the latest event time of its records, and none of their headers. What waits survives a restart. At the end of bounded input all of it leaves.',
  ),
  examples: [
    {
      title: 'Two at a time; the end brings the rest',
      config: { records: 2 },
      input: [{ n: 1 }, { n: 2 }, { n: 3 }],
      output: [[{ n: 1 }, { n: 2 }], [{ n: 3 }]],
    },
    {
      title: 'The lines of each order, in a field',
      config: { by: 'value.order', into: 'lines', within: '5s' },
      input: [
        { order: 'a', sku: 1 },
        { order: 'b', sku: 2 },
        { order: 'a', sku: 3 },
      ],
      output: [
        {
          lines: [
            { order: 'a', sku: 1 },
            { order: 'a', sku: 3 },
          ],
        },
        { lines: [{ order: 'b', sku: 2 }] },
      ],
    },
  ],
  fieldsAfter: (_before, { into }) => (into === null ? null : new Set([parseFieldPath(into)[0]])),
  create: (setting) => new Batches(setting),
})

class Batches implements StatefulOperator<Kept> {
  readonly codec = { encode: encodeKept, decode: decodeKept }
  readonly timers = 'wall'
  readonly maxBytes: number
  readonly flushEveryMs = null
  readonly #setting: z.output<typeof config>
  readonly #path: ReturnType<typeof parseFieldPath> | null

  constructor(setting: z.output<typeof config>) {
    this.#setting = setting
    this.maxBytes = setting.max_bytes
    this.#path = setting.into === null ? null : parseFieldPath(setting.into)
  }

  process(record: Parameters<StatefulOperator<Kept>['process']>[0], context: Context): void {
    const { records: maxCount, bytes: maxBytes, within, by } = this.#setting
    const group = by.evaluate(record)
    const id = identityText(group) ?? ''
    const held = hold(record)
    const bytes = Buffer.byteLength(held.text)
    const before = openOf(id, context)
    if (before !== null && before.bytes + bytes > maxBytes) this.#close(id, before, context)
    const open = openOf(id, context) ?? {
      key: group === null ? null : canonicalText(group),
      records: 0,
      bytes: 0,
      eventTimeMs: Number.NEGATIVE_INFINITY,
      dueMs: context.nowMs + within,
    }
    const grown = {
      ...open,
      records: open.records + 1,
      bytes: open.bytes + bytes,
      eventTimeMs: Math.max(open.eventTimeMs, record.eventTimeMs),
    }
    context.state.put(heldKey(id, open.records), { held })
    context.state.put(openPrefix + id, { open: grown }, grown.dueMs)
    if (grown.records >= maxCount || grown.bytes >= maxBytes) this.#close(id, grown, context)
    context.absorb()
  }

  onDue(stored: string, _kept: Kept, context: Context): void {
    const id = stored.slice(openPrefix.length)
    const open = openOf(id, context)
    if (open !== null) this.#close(id, open, context)
  }

  onFlush(): void {
    // Each batch has a time of its own.
  }

  onEnd(context: Context): null {
    for (const stored of [...context.state.keys()].toSorted())
      if (stored.startsWith(openPrefix)) this.onDue(stored, context.state.get(stored)!, context)
    return null
  }

  #close(id: string, { key, records, eventTimeMs }: Open, context: Context): void {
    const values: JsonValue[] = []
    for (let number = 0; number < records; number++) {
      const at = heldKey(id, number)
      const kept = context.state.get(at)
      if (kept !== undefined && 'held' in kept) values.push(released(kept.held).value)
      context.state.delete(at)
    }
    context.state.delete(openPrefix + id)
    context.produce({ key, value: this.#valueOf(values), eventTimeMs })
  }

  #valueOf(values: JsonValue[]): JsonValue {
    if (this.#path === null) return values
    const value: JsonObject = {}
    placeField(value, this.#path, values)
    return value
  }
}

function openOf(id: string, { state }: Context): Open | null {
  const kept = state.get(openPrefix + id)
  return kept !== undefined && 'open' in kept ? kept.open : null
}

function heldKey(id: string, number: number): string {
  return `${heldPrefix}${number}|${id}`
}

function encodeKept(kept: Kept): string {
  return 'held' in kept
    ? heldPrefix + encodeHeld(kept.held)
    : openPrefix + JSON.stringify(kept.open)
}

function decodeKept(text: string): Kept {
  return text.startsWith(heldPrefix)
    ? { held: decodeHeld(text.slice(heldPrefix.length)) }
    : { open: JSON.parse(text.slice(openPrefix.length)) as Open }
}
