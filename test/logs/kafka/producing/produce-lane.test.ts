import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RecordBatchBuilder } from '../../../../src/core/record-batch-builder.ts'
import { emptyBytes, type RecordBatch } from '../../../../src/core/record-batch.ts'
import { Delivery } from '../../../../src/logs/kafka/producing/delivery.ts'
import { ProduceLane, type LaneBatch } from '../../../../src/logs/kafka/producing/produce-lane.ts'
import { decodeRecords } from '../../../../src/logs/kafka/records/decode-records.ts'
import { RetryDelay } from '../../../../src/logs/kafka/retry-delay.ts'

const place = { topic: 't', partition: 0 }
const producer = { producerId: 7n, epoch: 3 }

function newLane(): ProduceLane {
  const delay = new RetryDelay({ firstMs: 1, maxMs: 1 }, { next: () => 0 })
  return new ProduceLane(place, { transactional: false, codec: 'none', timing: false, delay })
}

function numbers(first: number, count: number): RecordBatch {
  const builder = new RecordBatchBuilder('')
  const times = { timestampMs: 1, eventTimeMs: NaN, ingestUs: 0, waitUs: 0, runUs: 0 }
  for (let number = first; number < first + count; number++) {
    builder.append({ key: null, value: `${number}`, headers: emptyBytes, times })
  }
  return builder.finish()
}

function readyLane(maxBatchBytes = 1_000_000): ProduceLane {
  const lane = newLane()
  lane.maxBatchBytes = maxBatchBytes
  lane.identify(producer)
  lane.state = 'ready'
  return lane
}

/** What a broker stores: the records of batches whose sequence follows, and nothing twice. */
class Partition {
  readonly values: number[] = []
  #next = 0
  #producerId = -1n

  append({ bytes }: LaneBatch): 'stored' | 'duplicate' | 'out_of_order' {
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    const producerId = view.readBigInt64BE(43)
    const sequence = view.readInt32BE(53)
    if (producerId !== this.#producerId) this.#next = sequence
    this.#producerId = producerId
    if (sequence < this.#next) return 'duplicate'
    if (sequence > this.#next) return 'out_of_order'
    const { batches } = decodeRecords(
      { ...place, records: bytes, aborted: [] },
      { offset: 0n, isolation: 'read_uncommitted' },
    )
    for (const { batch } of batches) {
      for (let index = 0; index < batch.count; index++) {
        this.values.push(Number(batch.valueText(index)))
      }
      this.#next += batch.count
    }
    return 'stored'
  }
}

/** All batches that may be sent now are on their way. */
function sendAll(lane: ProduceLane): LaneBatch[] {
  const sent: LaneBatch[] = []
  for (let batch = lane.sendable; batch !== null; batch = lane.sendable) {
    lane.inFlight += 1
    sent.push(batch)
  }
  return sent
}

describe('a lane', () => {
  it('stores every record once and in order, whatever gets lost on the way', () => {
    const fates = fc.infiniteStream(
      fc.constantFrom('stored', 'answer_lost', 'request_lost', 'too_large', 'stored', 'stored'),
    )
    const sends = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(sends, fates, (counts, fate) => {
        const lane = readyLane(400)
        const partition = new Partition()
        let total = 0
        for (const count of counts) {
          lane.add(numbers(total, count), new Delivery(1))
          total += count
          lane.encode()
          exchange(lane, partition, fate)
        }
        for (let round = 0; !lane.isEmpty; round++) {
          expect(round).toBeLessThan(10_000)
          exchange(lane, partition, fate)
        }
        expect(partition.values).toEqual(Array.from({ length: total }, (_, index) => index))
      }),
      { numRuns: 200 },
    )
  })

  /** One volley of requests, and the answers to them. */
  function exchange(lane: ProduceLane, partition: Partition, fate: Iterator<string>): void {
    let failed: LaneBatch | null = null
    let isTooLarge = false
    for (const batch of sendAll(lane)) {
      const happens = String(fate.next().value)
      const answer = happens === 'request_lost' ? 'lost' : happens
      const isStored = answer === 'stored' || answer === 'answer_lost'
      const outcome = isStored ? partition.append(batch) : 'refused'
      lane.inFlight -= 1
      if (answer === 'stored' && outcome !== 'out_of_order') lane.acknowledged(batch)
      else {
        lane.hold()
        isTooLarge ||= failed === null && answer === 'too_large'
        failed ??= batch
      }
    }
    if (failed !== null && isTooLarge) lane.divide(failed)
    lane.state = 'ready'
  }

  it('sends one batch until the broker is known to know the producer', () => {
    const lane = readyLane()
    for (const first of [0, 1, 2]) lane.add(numbers(first, 1), new Delivery(1))
    lane.encode()
    const [first, ...others] = sendAll(lane)
    expect(others).toEqual([])
    lane.inFlight -= 1
    lane.acknowledged(first!)
    expect(sendAll(lane)).toHaveLength(2)
  })

  it('goes on as another producer with what is left, from the sequence number 0 on', () => {
    const lane = readyLane()
    for (const first of [0, 5, 10]) lane.add(numbers(first, 5), new Delivery(1))
    lane.encode()
    const [first] = sendAll(lane)
    lane.inFlight -= 1
    lane.acknowledged(first!)
    const before = lane.sendable!
    const bytes = new Uint8Array(before.bytes)
    lane.identify({ producerId: 9n, epoch: 0 })
    const after = lane.sendable!
    expect([before.sequence, after.sequence]).toEqual([5, 0])
    // A request with the old bytes may still be on its way.
    expect(new Uint8Array(before.bytes)).toEqual(bytes)
    expect(Buffer.from(after.bytes).readBigInt64BE(43)).toBe(9n)
    const partition = new Partition()
    expect(partition.append(after)).toBe('stored')
    expect(partition.values).toEqual([5, 6, 7, 8, 9])
  })

  it('needs another producer after it has dropped what nobody waits for', async () => {
    const lane = readyLane()
    const [wanted, unwanted] = [new Delivery(1), new Delivery(1)]
    lane.add(numbers(0, 2), unwanted)
    lane.add(numbers(2, 2), wanted)
    lane.encode()
    lane.purge()
    expect(lane.hasIdentity).toBe(true)
    unwanted.failed(new Error('given up'))
    await expect(unwanted.done).rejects.toThrow('given up')
    lane.purge()
    expect(lane.hasIdentity).toBe(false)
    lane.identify({ producerId: 8n, epoch: 0 })
    const partition = new Partition()
    partition.append(lane.sendable!)
    expect(partition.values).toEqual([2, 3])
  })

  it('fails a batch with a record that the topic does not take, and sends the others', async () => {
    const lane = readyLane(200)
    const [small, large] = [new Delivery(1), new Delivery(1)]
    const builder = new RecordBatchBuilder('')
    const times = { timestampMs: 1, eventTimeMs: NaN, ingestUs: 0, waitUs: 0, runUs: 0 }
    builder.append({ key: null, value: 'x'.repeat(300), headers: emptyBytes, times })
    lane.add(builder.finish(), large)
    lane.add(numbers(0, 3), small)
    lane.encode()
    await expect(large.done).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE', kind: 'config' })
    const [batch] = sendAll(lane)
    expect(batch!.sequence).toBe(0)
    lane.acknowledged(batch!)
    await small.done
    expect(lane.isEmpty).toBe(true)
  })

  it('cannot divide a single record', () => {
    const lane = readyLane()
    lane.add(numbers(0, 1), new Delivery(1))
    lane.encode()
    expect(lane.divide(lane.sendable!)).toBe(false)
  })
})
