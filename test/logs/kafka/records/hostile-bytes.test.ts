import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KafkaError } from '../../../../src/logs/kafka/client/kafka-error.ts'
import { codecs } from '../../../../src/logs/kafka/records/codec.ts'
import { decodeRecords } from '../../../../src/logs/kafka/records/decode-records.ts'
import { encodeRecords } from '../../../../src/logs/kafka/records/encode-records.ts'
import { batchOf } from '../../../conformance/batches.ts'
import { kafkaBatch, marker, recordSection, withChecksum } from './kafka-batch.ts'

const maxBatchBytes = 2 ** 20
const frames = 100_000
const rounds = 100

const records = Array.from({ length: 12 }, (_, index) => ({
  key: `key ${index}`,
  value: index % 3 === 0 ? null : 'x'.repeat(index * 20),
  headers: [['name', Buffer.from('1')] as const, ['', Buffer.alloc(0)] as const],
  timestampMs: 1_767_225_600_000 + index,
  eventTimeMs: 1_767_225_600_000.5,
  marker: index === 5,
}))

/** Answers of a broker, from which the hostile ones are made. */
const answers = [
  ...codecs.map((codec) => {
    const options = { codec, producer: null, transactional: true, timing: true }
    const ours = encodeRecords(batchOf(records, 'orders/1'), { from: 0, to: 12 }, options)
    const second = kafkaBatch({
      records: [{ value: 'b' }],
      baseOffset: 12n,
      producerId: 4n,
      attributes: 0x10,
    })
    return Buffer.concat([ours, second, marker('abort', { baseOffset: 13n, producerId: 4n })])
  }),
  kafkaBatch({ records: Array.from({ length: 50 }, () => ({})) }),
]

const damage = fc.array(
  fc.tuple(
    fc.constantFrom('set', 'cut', 'drop', 'repeat'),
    fc.nat(2_000),
    fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat(255)),
  ),
  { minLength: 1, maxLength: 4 },
)

function damaged(bytes: Buffer, changes: readonly (readonly [string, number, number])[]): Buffer {
  let result = Buffer.from(bytes)
  for (const [kind, place, byte] of changes) {
    const at = place % Math.max(result.length, 1)
    if (kind === 'set') result[at] = byte
    else if (kind === 'cut') result = result.subarray(0, at)
    else if (kind === 'drop')
      result = Buffer.concat([result.subarray(0, at), result.subarray(at + byte)])
    else result = Buffer.concat([result.subarray(0, at + byte), result.subarray(at)])
  }
  return result
}

/** Makes length and checksum of the first batch right. */
function mend(bytes: Buffer, length: number): void {
  const size = Math.min(bytes.length, length + 12)
  bytes.writeInt32BE(size - 12, 8)
  withChecksum(bytes.subarray(0, size))
}

/** Reads all of it, as a stage could; throws nothing but what a caller expects. */
function readAll(bytes: Uint8Array): 'read' | 'refused' {
  const aborted = [{ producerId: 4n, firstOffset: 12n }]
  try {
    const decoded = decodeRecords(
      { topic: 'orders', partition: 3, records: bytes, aborted },
      { offset: 0n, isolation: 'read_committed', maxBatchBytes },
    )
    let next = 0n
    // Without `expect`, which takes longer than decoding.
    let isSound = true
    for (const { baseOffset, batch, from, next: after } of decoded.batches) {
      isSound &&= baseOffset >= next && after > baseOffset && after <= decoded.next
      isSound &&= from < batch.count && batch.bytes.length <= maxBatchBytes
      for (let index = 0; index < batch.count; index++) {
        batch.keyText(index)
        batch.valueText(index)
        batch.headers(index)
      }
      next = after
    }
    if (!isSound) throw new Error('the batches do not follow each other')
    return 'read'
  } catch (error) {
    if (error instanceof KafkaError) return 'refused'
    throw error
  }
}

describe('hostile bytes', () => {
  it(`are read or refused, ${frames} times, without more memory than the limit`, async () => {
    const seen = { read: 0, refused: 0 }
    const before = process.memoryUsage().rss
    const property = fc.property(
      fc.constantFrom(...answers),
      damage,
      fc.boolean(),
      (answer, changes, mended) => {
        const bytes = damaged(answer, changes)
        // With a good checksum the damage gets further.
        if (mended && bytes.length > 61) mend(bytes, answer.readInt32BE(8))
        seen[readAll(bytes)] += 1
      },
    )
    for (let round = 0; round < rounds; round++) {
      fc.assert(property, { numRuns: frames / rounds })
      // What native code has made is freed between turns of the event loop only.
      await new Promise(setImmediate)
    }
    expect(seen.read).toBeGreaterThan(frames / 100)
    expect(seen.refused).toBeGreaterThan(frames / 10)
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * 2 ** 20)
  }, 120_000)

  it('in the records are read or refused, when all around them is right', () => {
    const section = recordSection(
      records.map(({ key, value, headers }) => ({ key, value, headers })),
    )
    fc.assert(
      fc.property(damage, (changes) => {
        readAll(
          kafkaBatch({
            records: [],
            section: damaged(section, changes),
            recordCount: 12,
            lastOffsetDelta: 11,
          }),
        )
      }),
      { numRuns: frames / 5 },
    )
  }, 60_000)

  it('of any kind are refused at once', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 61, maxLength: 300 }), (bytes) => {
        const random = Buffer.from(bytes)
        random[16] = 2
        random.writeInt32BE(random.length - 12, 8)
        readAll(withChecksum(random))
      }),
      { numRuns: frames / 10 },
    )
  })
})
