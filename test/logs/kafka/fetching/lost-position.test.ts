import { describe, expect, it } from 'vitest'
import {
  partitionMissing,
  positionOutOfRange,
  topicMissing,
  topicRecreated,
} from '../../../../src/logs/kafka/fetching/lost-position.ts'

const place = { topic: 'orders', partition: 3 }

describe('a lost position', () => {
  it('counts the records that were removed before they were read', () => {
    const error = positionOutOfRange(place, { position: 10n, start: 25n, end: 30n })
    expect(error.code).toBe('LOG_POSITION_LOST')
    expect(error.message).toContain('topic orders, partition 3: the task stands at offset 10')
    expect(error.message).toContain('first record kept has offset 25: 15 records were removed')
    const one = positionOutOfRange(place, { position: 24n, start: 25n, end: 30n })
    expect(one.message).toContain('1 record was removed')
  })

  it('says how far behind the end it lies', () => {
    const { message } = positionOutOfRange(place, { position: 40n, start: 25n, end: 30n })
    expect(message).toContain('ends at offset 30: 10 offsets are missing')
  })

  it.each([
    topicRecreated('orders', { before: 'a', now: 'b' }),
    topicMissing('orders'),
    partitionMissing(place, 2),
  ])('names the topic and what to do: %s', (error) => {
    expect(error.code).toBe('LOG_POSITION_LOST')
    expect(error.message).toMatch(/topic orders .*--fresh/)
  })
})
