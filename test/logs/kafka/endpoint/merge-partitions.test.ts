import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PartitionInput } from '../../../../src/logs/kafka/endpoint/partition-input.ts'
import { PartitionMerger } from '../../../../src/logs/kafka/endpoint/merge-partitions.ts'
import { ManualClock } from '../../../endpoints/endpoint-fixture.ts'
import { GivenReader, type GivenRecord } from './partition-records.ts'

const all = { maxRecords: 1_000, maxBytes: 1e9 }

function inputsOf(...partitions: readonly (readonly GivenRecord[])[]): PartitionInput[] {
  return partitions.map((records, partition) => {
    const place = { topic: 't', partition }
    const batches = records.length === 0 ? [] : [records]
    const reader = new GivenReader('t', partition, batches)
    return new PartitionInput(reader, { ...place, end: null, readableEnd: 0n })
  })
}

/** All slices that a merger makes, as `partition@offset` of each record. */
function slicesOf(inputs: readonly PartitionInput[], request = all): string[][] {
  const merger = new PartitionMerger(new ManualClock())
  const slices: string[][] = []
  for (;;) {
    const slice = merger.merge(inputs, request)
    if (slice === null) return slices
    slices.push(
      Array.from({ length: slice.batch.count }, (_, index) => {
        const { partition, offset } = slice.info(index)
        return `${Number(partition)}@${Number(offset)}`
      }),
    )
  }
}

const at = (...timesMs: number[]): GivenRecord[] => timesMs.map((timestampMs) => ({ timestampMs }))

describe('merging partitions', () => {
  it('takes the record with the lowest time first, and keeps the order of each partition', () => {
    expect(slicesOf(inputsOf(at(1, 4, 2), at(3, 5), []))).toEqual([
      ['0@0', '1@0', '0@1', '0@2', '1@1'],
    ])
  })

  it('takes records without a time at once', () => {
    expect(slicesOf(inputsOf(at(5, 0), at(0, 6)))).toEqual([['1@0', '0@0', '0@1', '1@1']])
  })

  it('makes slices as large as they may be', () => {
    expect(slicesOf(inputsOf(at(1, 2, 3)), { ...all, maxRecords: 2 })).toEqual([
      ['0@0', '0@1'],
      ['0@2'],
    ])
    const large = [{ value: 'x'.repeat(100) }, { value: 'y' }]
    expect(slicesOf(inputsOf(large), { ...all, maxBytes: 50 })).toEqual([['0@0'], ['0@1']])
  })

  it('stops where a partition is empty that will have more', () => {
    const [first, second] = inputsOf(at(1, 2), at(3, 4)) as [PartitionInput, PartitionInput]
    const behind = new PartitionInput(new GivenReader('t', 2, [at(0)]), {
      topic: 't',
      partition: 2,
      end: null,
      readableEnd: 7n,
    })
    expect(slicesOf([first, second, behind])[0]).toEqual(['2@0'])
  })

  it('hands on what came before an error, and meets that with the next slice', () => {
    const [input] = inputsOf(at(1)) as [PartitionInput]
    const broken = { fill: () => input.fill() }
    const failing = new Proxy(input, {
      get(target, name) {
        if (name === 'fill') return broken.fill
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const merger = new PartitionMerger(new ManualClock())
    const fill = broken.fill
    let fills = 0
    broken.fill = () => {
      fills += 1
      if (fills > 1) throw new Error('the batch is broken')
      return fill()
    }
    expect(merger.merge([failing], all)?.batch.count).toBe(1)
    expect(() => merger.merge([failing], all)).toThrow('the batch is broken')
  })

  it('says where each record stood and which time Kafka had for it', () => {
    const merger = new PartitionMerger(new ManualClock())
    const slice = merger.merge(inputsOf(at(0, 7)), all)!
    expect([slice.info(0), slice.info(1)]).toEqual([
      { topic: 't', partition: 0, offset: 0, timestamp: null },
      { topic: 't', partition: 0, offset: 1, timestamp: 7 },
    ])
  })

  it('gives each record once, in order, and sorted when the partitions are', () => {
    const sorted = fc
      .array(fc.integer({ min: 1, max: 50 }), { maxLength: 30 })
      .map((times) => times.toSorted((left, right) => left - right))
    fc.assert(
      fc.property(
        fc.array(sorted, { maxLength: 5 }),
        fc.integer({ min: 1, max: 9 }),
        (partitions, maxRecords) => {
          const inputs = inputsOf(...partitions.map((times) => at(...times)))
          const places = slicesOf(inputs, { ...all, maxRecords }).flat()
          const times = places.map((place) => {
            const [partition, offset] = place.split('@').map(Number)
            return partitions[partition!]![offset!]!
          })
          expect(times).toEqual(times.toSorted((left, right) => left - right))
          for (const [partition, { length }] of partitions.entries()) {
            const own = places.filter((place) => place.startsWith(`${partition}@`))
            expect(own).toEqual(Array.from({ length }, (_, offset) => `${partition}@${offset}`))
          }
        },
      ),
    )
  })
})
