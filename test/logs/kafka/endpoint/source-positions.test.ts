import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../../../../src/core/json.ts'
import {
  isKnownTopic,
  partitionOffset,
  readPosition,
  splitOf,
  storedPosition,
} from '../../../../src/logs/kafka/endpoint/source-positions.ts'
import { startPositions } from '../../../../src/logs/kafka/endpoint/start-positions.ts'

const stored = (offset: bigint, topicId: string | null = 'id') =>
  storedPosition({ offset, topicId })

describe('the position in a partition', () => {
  it('is the same after it was stored, however large', () => {
    for (const offset of [0n, 2n ** 53n + 1n, 2n ** 63n - 1n]) {
      const kept = JSON.parse(JSON.stringify(stored(offset))) as JsonValue
      expect(readPosition('t/0', kept)).toEqual({ offset, topicId: 'id' })
      expect(partitionOffset('a.b/12', kept)).toEqual({ topic: 'a.b', partition: 12, offset })
    }
    expect(readPosition('t/0', stored(3n, null))).toEqual({ offset: 3n, topicId: null })
  })

  it.each([null, 3, '3', [], {}, { offset: 3 }, { offset: '-1' }, { offset: '1', topic_id: 1 }])(
    'is refused where it is none: %j',
    (position) => {
      expect(() => readPosition('t/0', position)).toThrow(
        expect.objectContaining({ code: 'LOG_CORRUPT' }),
      )
    },
  )

  it('belongs to a topic by its whole name', () => {
    const positions = new Map([[splitOf({ topic: 'orders.raw', partition: 0 }), stored(1n)]])
    expect(isKnownTopic('orders.raw', positions)).toBe(true)
    expect(isKnownTopic('orders', positions)).toBe(false)
  })
})

describe('where partitions begin', () => {
  /** Partitions begin at 100 and end at 200, and which was asked is in the last digit. */
  const client = {
    listOffsets: async (places: readonly { partition: number }[], at: unknown) =>
      places.map(({ partition }) => BigInt((at === 'earliest' ? 100 : 200) + partition)),
  }
  const places = [0, 1, 2].map((partition) => ({ topic: 't', partition, topicId: 'now' }))

  it('is the stored position, with the id that the topic had then', async () => {
    const positions = new Map([
      ['t/1', stored(150n, 'then')],
      ['t/2', stored(160n, null)],
    ])
    const starts = await startPositions(client, places, { positions, startOf: () => 'latest' })
    expect(starts).toEqual([
      { offset: 200n, topicId: 'now' },
      { offset: 150n, topicId: 'then' },
      { offset: 160n, topicId: 'now' },
    ])
  })

  it('is by the rule of each topic, where there is no position', async () => {
    const two = [places[0]!, { topic: 'u', partition: 1, topicId: 'u' }]
    const starts = await startPositions(client, two, {
      positions: new Map(),
      startOf: (topic) => (topic === 'u' ? 'earliest' : 'latest'),
    })
    expect(starts.map(({ offset }) => offset)).toEqual([200n, 101n])
  })
})
