import fc from 'fast-check'
import { RecordBatchBuilder } from '../../../../src/core/record-batch-builder.ts'
import {
  encodeHeaders,
  nullHeaderValue,
  type Header,
  type RecordBatch,
} from '../../../../src/core/record-batch.ts'

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 80 }),
  fc.uint8Array({ minLength: 100, maxLength: 9_000, size: 'max' }),
)
const name = fc.oneof(
  fc.constantFrom(
    '',
    '__proto__',
    'constructor',
    'toString',
    'ü',
    'millrace-timings',
    'traceparent',
  ),
  fc.string({ unit: 'grapheme' }),
)
const header: fc.Arbitrary<Header> = fc.tuple(
  name,
  fc.oneof(fc.uint8Array({ maxLength: 30 }), fc.constant(nullHeaderValue)),
)
/** As the clock has them: quarters of a µs. */
const quarters = (max: number) => fc.integer({ min: -8, max: 4 * max }).map((value) => value / 4)

export const recordArbitrary = fc.record({
  key: fc.oneof(fc.constant(null), bytes, fc.string()),
  value: fc.oneof(fc.constant(null), bytes, fc.string({ unit: 'grapheme' })),
  headers: fc.array(header, { maxLength: 5 }),
  times: fc.record({
    timestampMs: fc.oneof(
      fc.integer({ min: 1_767_225_600_000, max: 1_767_225_700_000 }),
      fc.integer({ min: 0, max: 8.64e15 }),
    ),
    eventTimeMs: fc.oneof(
      fc.constant(Number.NaN),
      fc.integer({ min: 1_767_225_600_000, max: 1_767_225_700_000 }),
      fc.double(),
    ),
    ingestUs: quarters(100_000_000).map((value) => 1_767_225_600_000_000 + value),
    waitUs: fc.oneof(quarters(1_000), quarters(1e12)),
    runUs: fc.oneof(quarters(1_000), quarters(1e12)),
  }),
  marker: fc.boolean(),
})
export type ArbitraryRecord = typeof recordArbitrary extends fc.Arbitrary<infer T> ? T : never

export function batchFrom(records: readonly ArbitraryRecord[], writer: string): RecordBatch {
  const builder = new RecordBatchBuilder(writer)
  for (const each of records) builder.append({ ...each, headers: encodeHeaders(each.headers) })
  return builder.finish()
}

/** All of a record that is bytes. */
export function bytesOf(batch: RecordBatch, index: number): unknown {
  const { key, value } = { key: batch.key(index), value: batch.value(index) }
  return {
    key: key && Buffer.from(key).toString('hex'),
    value: value && Buffer.from(value).toString('hex'),
    headers: Buffer.from(batch.headerBytes(index)).toString('hex'),
  }
}
