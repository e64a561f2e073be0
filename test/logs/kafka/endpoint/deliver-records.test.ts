import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KafkaError } from '../../../../src/logs/kafka/client/kafka-error.ts'
import { deliverRecords } from '../../../../src/logs/kafka/endpoint/deliver-records.ts'
import type { PartitionRecords } from '../../../../src/logs/kafka/endpoint/record-spreader.ts'
import { batchOf } from './partition-records.ts'

const refusal = (code: string) => new KafkaError({ code, kind: 'config' }, 'the broker refuses it')

function recordsOf(values: readonly string[]): PartitionRecords {
  const batch = batchOf(values.map((value) => ({ value })))
  return { partition: 0, batch, indexes: values.map((_, index) => 10 * index) }
}

/**
 * A partition that refuses every batch with one of the bad records in it, and all that was sent after a
 * refused batch before its sender knew, as a broker that misses sequence numbers.
 */
class Partition {
  readonly written: string[] = []
  readonly #isBad: (value: string) => boolean
  readonly #code: string
  /** Batches that were sent before the answer to a refused one, and that one. */
  #refused = 0

  constructor(isBad: (value: string) => boolean, code = 'INVALID_RECORD') {
    this.#isBad = isBad
    this.#code = code
  }

  readonly send = async ({ batch }: PartitionRecords): Promise<void> => {
    const values = Array.from({ length: batch.count }, (_, index) => batch.valueText(index)!)
    const isBad = values.some((value) => this.#isBad(value))
    if (isBad || this.#refused > 0) {
      this.#refused += 1
      await Promise.resolve()
      this.#refused = 0
      throw refusal(this.#code)
    }
    this.written.push(...values)
  }
}

describe('writing records of which a broker refuses some', () => {
  const options = { topic: 'out', maxBytes: 1_000_000, timing: false }

  it('writes all, where none is refused, at once', async () => {
    const { written, send } = new Partition(() => false)
    expect(await deliverRecords(recordsOf(['a', 'b']), { ...options, send })).toEqual([])
    expect(written).toEqual(['a', 'b'])
  })

  it('leaves out a record that is larger than the topic takes, and says so', async () => {
    const { written, send } = new Partition(() => false)
    const failures = await deliverRecords(recordsOf(['a', 'x'.repeat(5_000), 'c']), {
      ...options,
      maxBytes: 1_000,
      send,
    })
    expect(failures).toEqual([
      {
        index: 10,
        code: 'RECORD_TOO_LARGE',
        message: expect.stringMatching(/takes 50\d\d bytes, and the topic "out" takes 1000/),
      },
    ])
    expect(written).toEqual(['a', 'c'])
  })

  it.each([
    ['MESSAGE_TOO_LARGE', 'RECORD_TOO_LARGE'],
    ['INVALID_RECORD', 'RECORD_REJECTED'],
    ['INVALID_TIMESTAMP', 'RECORD_REJECTED'],
  ])('finds the record that is refused as %s', async (code, failsWith) => {
    const { written, send } = new Partition((value) => value === 'bad', code)
    const values = ['a', 'b', 'bad', 'c', 'd']
    expect(await deliverRecords(recordsOf(values), { ...options, send })).toEqual([
      { index: 20, code: failsWith, message: expect.stringContaining('refuses it') },
    ])
    expect(written).toEqual(['a', 'b', 'c', 'd'])
  })

  it('throws what is not the fault of a record', async () => {
    const send = () => Promise.reject(refusal('TOPIC_AUTHORIZATION_FAILED'))
    await expect(deliverRecords(recordsOf(['a']), { ...options, send })).rejects.toThrow(
      'the broker refuses it',
    )
  })

  it('writes every good record once and in order, wherever the bad ones stand', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 80, max: 400 }),
        async (bad, maxBytes) => {
          const values = bad.map((isBad, index) => `${isBad ? 'bad' : 'good'}-${index}`)
          const { written, send } = new Partition((value) => value.startsWith('bad'))
          const failures = await deliverRecords(recordsOf(values), { ...options, maxBytes, send })
          expect(written).toEqual(values.filter((value) => value.startsWith('good')))
          expect(failures.map(({ index }) => index / 10)).toEqual(
            bad.flatMap((isBad, index) => (isBad ? [index] : [])),
          )
        },
      ),
    )
  })
})
