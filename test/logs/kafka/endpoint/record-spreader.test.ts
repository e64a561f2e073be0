import { describe, expect, it } from 'vitest'
import { partOf, RecordSpreader } from '../../../../src/logs/kafka/endpoint/record-spreader.ts'
import { partitionOf } from '../../../../src/core/partitioner.ts'
import { batchOf, type GivenRecord } from './partition-records.ts'

function spread(
  records: readonly GivenRecord[],
  timestamp: 'event_time' | 'ingest' = 'event_time',
  partitions = 3,
) {
  return new RecordSpreader({ timestamp }).spread(batchOf(records, 'p.s/0'), partitions)
}

describe('spreading records over the partitions of a topic', () => {
  it('goes by the key, an empty one too, and keeps the order', () => {
    const keys = ['a', 'b', '', 'a', 'c', 'b', 'a']
    const parts = spread(keys.map((key, index) => ({ key, value: String(index) })))
    for (const { partition, batch, indexes } of parts) {
      expect(indexes).toEqual(indexes.toSorted((left, right) => left - right))
      for (const [at, index] of indexes.entries()) {
        expect(partitionOf(keys[index]!, 3)).toBe(partition)
        expect([batch.keyText(at), batch.valueText(at)]).toEqual([keys[index], String(index)])
      }
    }
    expect(parts.flatMap(({ indexes }) => indexes)).toHaveLength(keys.length)
  })

  it('gives records without a key to one partition for a while, and then to the next', () => {
    const spreader = new RecordSpreader({ timestamp: 'ingest' })
    const of = (value: string) => spreader.spread(batchOf([{ value }, { value }]), 2)
    expect(of('x').map(({ partition }) => partition)).toEqual([0])
    expect(of('x'.repeat(10_000)).map(({ partition }) => partition)).toEqual([0, 1])
    expect(of('x').map(({ partition }) => partition)).toEqual([1])
  })

  it('has the event time as the time of the record, where there is one that Kafka takes', () => {
    const records = [
      { key: 'k', timestampMs: 9, eventTimeMs: 5 },
      { key: 'k', timestampMs: 9 },
      { key: 'k', timestampMs: 9, eventTimeMs: -1 },
    ]
    expect([...spread(records)[0]!.batch.timestampMs]).toEqual([5, 9, 9])
    expect([...spread(records, 'ingest')[0]!.batch.timestampMs]).toEqual([9, 9, 9])
    const [{ batch }] = spread(records) as [ReturnType<typeof spread>[number]]
    expect([batch.writer, batch.eventTimeMs[0], batch.waitUs[0]]).toEqual(['p.s/0', 5, 2])
  })

  it('cuts a part out with all that belongs to it', () => {
    const [whole] = spread(['a', 'a', 'a'].map((key, index) => ({ key, value: `${index}` })))
    const part = partOf(whole!, { from: 1, to: 3 })
    expect(part.indexes).toEqual([1, 2])
    expect([part.batch.valueText(0), part.batch.count, part.batch.writer]).toEqual([
      '1',
      2,
      'p.s/0',
    ])
    expect(partOf(whole!, { from: 0, to: 3 }).batch).toBe(whole!.batch)
  })
})
