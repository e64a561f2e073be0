import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeUserData,
  encodeUserData,
} from '../../../../src/logs/kafka/client/consumer-protocol.ts'

describe('what members of a group tell each other', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(Buffer.from(decodeUserData(encodeUserData(bytes)))).toEqual(Buffer.from(bytes))
      }),
    )
  })

  it('is what Kafka itself reads there: a version, no topics, bytes', () => {
    expect(encodeUserData(Buffer.from('ab')).toString('hex')).toBe('000000000000000000026162')
  })

  it('is empty when another program wrote it', () => {
    // A consumer of Kafka's own, with one topic and no user data.
    const consumer = Buffer.from('0000000000010001740000ffff', 'hex')
    expect(decodeUserData(consumer)).toHaveLength(0)
    expect(decodeUserData(null)).toHaveLength(0)
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(decodeUserData(bytes).length).toBeLessThanOrEqual(bytes.length)
      }),
    )
  })
})
