import { describe, expect, it } from 'vitest'
import { BatchOrigins } from '../../src/runtime/batch-origins.ts'
import type { InputPart } from '../../src/runtime/slice.ts'
import { aBatch } from '../endpoints/endpoint-fixture.ts'

function part(topic: string | null, partition: number, baseOffset: bigint): InputPart {
  const origin = { topic, partition, baseOffset, source: null }
  const batch = aBatch(['x', 'y', 'z'])
  return { input: 0, batch, from: 0, origin, visibleUs: 0, failures: new Map() }
}

describe('what the records of a sink came of', () => {
  const parts = [part('a', 0, 100n), part('a', 1, 2n ** 60n), part(null, 0, 0n)]
  const origins = new BatchOrigins(
    {
      batch: aBatch(['1', '2', '3', '4', '5', '6']),
      part: Int32Array.of(0, 0, 0, 1, 2, -1),
      index: Int32Array.of(0, 2, 2, 2, 0, -1),
    },
    parts,
  )

  it('is the record of a topic, and nothing where there is none', () => {
    const inputs = Array.from({ length: 6 }, (_, index) => origins.input(index))
    expect(inputs).toEqual(['a/0', 'a/0', 'a/0', 'a/1', null, null])
    const offsets = Array.from({ length: 4 }, (_, index) => origins.offset(index))
    expect(offsets).toEqual([100n, 102n, 102n, 2n ** 60n + 2n])
  })

  it('tells several results of one record apart', () => {
    expect(Array.from({ length: 4 }, (_, index) => origins.ordinal(index))).toEqual([0, 0, 1, 0])
  })
})
