import { describe, expect, it } from 'vitest'
import type { SliceBatch } from '../../../../src/core/log.ts'
import { TakeInTurn, type TakenFrom } from '../../../../src/logs/kafka/tasks/take-in-turn.ts'
import { batchWith, valuesOf } from '../../../conformance/batches.ts'

const limits = { maxRecords: 10_000, maxBytes: 2 ** 26 }

/** What has come of an input, batch by batch. */
class Arrived implements TakenFrom {
  readonly #slices: SliceBatch[]

  constructor(topic: string, ...batches: readonly (readonly string[])[]) {
    let offset = 0n
    this.#slices = batches.map((values) => {
      const baseOffset = offset
      offset += BigInt(values.length)
      const batch = batchWith(...values)
      return { topic, partition: 0, baseOffset, batch, from: 0, next: offset, visibleUs: NaN }
    })
  }

  get isReady(): boolean {
    return this.#slices.length > 0
  }

  arrive(more: Arrived): void {
    this.#slices.push(...more.#slices)
  }

  take(maxRecords: number, maxBytes: number): readonly SliceBatch[] {
    let count = 0
    let records = 0
    let bytes = 0
    for (const { batch } of this.#slices) {
      records += batch.count
      bytes += batch.bytes.byteLength
      if (count > 0 && (records > maxRecords || bytes > maxBytes)) break
      count += 1
    }
    return this.#slices.splice(0, count)
  }
}

describe('taking in turn', () => {
  it('takes a batch of each input in turn', () => {
    const taking = new TakeInTurn([
      new Arrived('a', ['a1'], ['a2'], ['a3']),
      new Arrived('b', ['b1'], ['b2']),
    ])
    expect(valuesOf(taking.take(limits))).toEqual(['a1', 'b1', 'a2', 'b2', 'a3'])
    expect([taking.isReady, taking.take(limits)]).toEqual([false, []])
  })

  it('goes on where a full pull stopped, with the input whose turn it was', () => {
    const taking = new TakeInTurn([
      new Arrived('a', ['a1'], ['a2'], ['a3']),
      new Arrived('b', ['b1'], ['b2'], ['b3']),
    ])
    const pulls = [1, 2, 3].map(() => valuesOf(taking.take({ ...limits, maxRecords: 3 })))
    expect(pulls).toEqual([['a1', 'b1', 'a2'], ['b2', 'a3', 'b3'], []])
  })

  it.each([1, 2])('gives no more than asked for, but for a first batch (%i inputs)', (inputs) => {
    const arrived = [new Arrived('a', ['1', '2', '3'], ['4', '5']), new Arrived('b')]
    const taking = new TakeInTurn(arrived.slice(0, inputs))
    expect(valuesOf(taking.take({ ...limits, maxRecords: 1 }))).toEqual(['1', '2', '3'])
    expect(taking.isReady).toBe(true)
    expect(valuesOf(taking.take({ ...limits, maxRecords: 2 }))).toEqual(['4', '5'])
  })

  it('stops at the limit of bytes', () => {
    const a = new Arrived('a', ['a1'.padEnd(1_000)], ['a2'.padEnd(1_000)])
    const taking = new TakeInTurn([a, new Arrived('b', ['b1'.padEnd(1_000)])])
    const sizes = [1, 2, 3].map(() => taking.take({ ...limits, maxBytes: 2_500 }).length)
    expect(sizes).toEqual([2, 1, 0])
  })

  it('passes over inputs of which nothing has come', () => {
    const b = new Arrived('b')
    const taking = new TakeInTurn([new Arrived('a', ['a1'], ['a2']), b, new Arrived('c', ['c1'])])
    expect(valuesOf(taking.take({ ...limits, maxRecords: 2 }))).toEqual(['a1', 'c1'])
    b.arrive(new Arrived('b', ['b1']))
    expect(valuesOf(taking.take(limits))).toEqual(['a2', 'b1'])
  })

  it('takes nothing of no inputs', () => {
    expect(new TakeInTurn([]).take(limits)).toEqual([])
  })
})
