import { describe, expect, it } from 'vitest'
import { RecordBatchBuilder } from '../../../../src/core/record-batch-builder.ts'
import { PartitionInput } from '../../../../src/logs/kafka/endpoint/partition-input.ts'
import { batchOf, GivenReader, type GivenRecord } from './partition-records.ts'

const place = { topic: 't', partition: 2 }

function inputOf(reader: GivenReader, end: bigint | null = null): PartitionInput {
  return new PartitionInput(reader, { ...place, end, readableEnd: 0n })
}

/** All records of an input, with the position after each. */
function drain(input: PartitionInput): { value: string | null; next: bigint }[] {
  const builder = new RecordBatchBuilder('')
  const drained: { value: string | null; next: bigint }[] = []
  while (input.fill()) {
    const times = { timestampMs: 9, eventTimeMs: 0, ingestUs: 9, waitUs: 0, runUs: 0 }
    input.append(builder, times)
    drained.push({ value: builder.finish().valueText(0), next: input.position.offset })
  }
  return drained
}

const values = (...texts: string[]): GivenRecord[] => texts.map((value) => ({ value }))

describe('a partition of a source', () => {
  it('has its position behind each record, also in the middle of a batch', () => {
    const input = inputOf(new GivenReader('t', 2, [values('a', 'b'), values('c')]))
    expect(input.position).toEqual({ offset: 0n, topicId: 'an-id' })
    expect(drain(input)).toEqual([
      { value: 'a', next: 1n },
      { value: 'b', next: 2n },
      { value: 'c', next: 3n },
    ])
  })

  it('begins in the middle of a batch, and ends behind what cannot be seen', () => {
    const reader = new GivenReader('t', 2, [])
    reader.add({ batch: batchOf(values('a', 'b', 'c')), baseOffset: 10n, from: 1, next: 17n })
    expect(drain(inputOf(reader))).toEqual([
      { value: 'b', next: 12n },
      { value: 'c', next: 17n },
    ])
  })

  it('passes over markers of another pipeline, wherever they stand', () => {
    const marker = { value: '{"watermark":1,"silent":false}', marker: true }
    const batches = [[marker], [marker, ...values('a'), marker, ...values('b'), marker], [marker]]
    const input = inputOf(new GivenReader('t', 2, batches))
    expect(drain(input).map(({ value }) => value)).toEqual(['a', 'b'])
    expect(input.position.offset).toBe(7n)
  })

  it('has the event time of its own header, else the time of Kafka, else none', () => {
    const reader = new GivenReader('t', 2, [
      [{ timestampMs: 5, eventTimeMs: 3 }, { timestampMs: 5 }, { timestampMs: 0 }],
    ])
    const input = inputOf(reader)
    const builder = new RecordBatchBuilder('')
    const times = { timestampMs: 9, eventTimeMs: 0, ingestUs: 8, waitUs: 0, runUs: 0 }
    const heads: number[] = []
    while (input.fill()) {
      heads.push(input.headTimeMs)
      input.append(builder, times)
    }
    const batch = builder.finish()
    expect([...batch.eventTimeMs]).toEqual([3, 5, Number.NaN])
    expect(heads).toEqual([3, 5, Number.NEGATIVE_INFINITY])
    // Of the pipeline that reads, not of the one that wrote.
    expect([...batch.timestampMs, ...batch.ingestUs, ...batch.waitUs]).toEqual([
      9, 9, 9, 8, 8, 8, 0, 0, 0,
    ])
  })

  it('is done at its end, when it has one, and leaves what comes after', () => {
    const input = inputOf(new GivenReader('t', 2, [values('a', 'b'), values('c')]), 2n)
    expect(input.isDone).toBe(false)
    expect(drain(input).map(({ value }) => value)).toEqual(['a', 'b'])
    expect(input.isDone).toBe(true)
    expect(input.isReady).toBe(false)
    expect(inputOf(new GivenReader('t', 2, []), 0n).isDone).toBe(true)
  })

  it('is behind while records that can be read have not come', () => {
    const reader = new GivenReader('t', 2, [])
    const input = new PartitionInput(reader, { ...place, end: null, readableEnd: 3n })
    expect(input.isBehind).toBe(true)
    expect(input.lag()).toBe(3)
    reader.add({ batch: batchOf(values('a', 'b', 'c')), baseOffset: 0n, next: 3n })
    expect(input.isBehind).toBe(false)
    drain(input)
    expect(input.isBehind).toBe(false)
    expect(input.lag()).toBe(0)
  })
})
