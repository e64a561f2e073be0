import { expect, it } from 'vitest'
import { describeWithKafka, sharedBroker } from './broker/describe-with-kafka.ts'
import {
  consumeAll,
  consumeWithConsole,
  createTopicWithJava,
  type JavaInput,
  produceWithJava,
} from './java/kafka-tool.ts'

const { address } = sharedBroker

async function createTopic(name: string, partitions = 1): Promise<void> {
  await createTopicWithJava(address, { name, partitions })
}

describeWithKafka("Kafka's own client in Java", () => {
  it('writes and reads keys, values and headers byte for byte, also null and empty ones', async () => {
    await createTopic('java-bytes')
    const records: JavaInput[] = [
      { topic: 'java-bytes', key: 'k', value: 'v', timestampMs: 1_700_000_000_000 },
      { topic: 'java-bytes', key: null, value: Buffer.from([0, 9, 10, 13, 0x5c, 0xff]) },
      { topic: 'java-bytes', key: '', value: null },
      {
        topic: 'java-bytes',
        value: '-',
        headers: [
          ['a:b,\t\n', 'x'],
          ['', ''],
          ['a:b,\t\n', null],
          ['__proto__', Buffer.from([0xff])],
        ],
      },
    ]
    const places = await produceWithJava(address, [{ records }])
    const read = await consumeAll(address, 'java-bytes', { isolation: 'read_committed' })
    expect(places).toEqual([0n, 1n, 2n, 3n].map((offset) => ({ partition: 0, offset })))
    expect(read.map(({ offset }) => offset)).toEqual([0n, 1n, 2n, 3n])
    expect(
      read.map(({ key, value }) => [key?.toString('latin1'), value?.toString('latin1')]),
    ).toEqual([
      ['k', 'v'],
      [undefined, '\0\t\n\r\\\u00ff'],
      ['', undefined],
      [undefined, '-'],
    ])
    expect(read[0]).toMatchObject({ timestampMs: 1_700_000_000_000, timestampType: 'CreateTime' })
    expect(read[3]?.headers).toEqual([
      ['a:b,\t\n', Buffer.from('x')],
      ['', Buffer.alloc(0)],
      ['a:b,\t\n', null],
      ['__proto__', Buffer.from([0xff])],
    ])
  })

  it.each(['gzip', 'snappy', 'lz4', 'zstd'])('writes %s', async (codec) => {
    const topic = `java-${codec}`
    await createTopic(topic, 3)
    const records = Array.from({ length: 100 }, (_, i) => ({
      topic,
      key: `${i}`,
      value: 'x'.repeat(i),
    }))
    const places = await produceWithJava(address, [{ records }], { 'compression.type': codec })
    const read = await consumeAll(address, topic, { isolation: 'read_committed' })
    expect(read).toHaveLength(100)
    expect(new Set(places.map(({ partition }) => partition)).size).toBe(3)
  })

  it('ends transactions in each way, and the readers tell them apart', async () => {
    const topic = 'java-transactions'
    await createTopic(topic)
    await produceWithJava(
      address,
      [
        { records: [{ topic, value: 'committed' }], end: 'commit' },
        { records: [{ topic, value: 'aborted' }], end: 'abort' },
        { records: [{ topic, value: 'hanging' }], end: 'hang' },
      ],
      { 'transactional.id': 'java-transactions', 'transaction.timeout.ms': '60000' },
    )
    await produceWithJava(address, [{ records: [{ topic, value: 'after' }] }])
    const valuesAs = async (isolation: 'read_committed' | 'read_uncommitted') =>
      (await consumeAll(address, topic, { isolation, waitMs: 200 })).map(({ value }) =>
        value?.toString(),
      )
    expect(await valuesAs('read_committed')).toEqual(['committed'])
    expect(await valuesAs('read_uncommitted')).toEqual(['committed', 'aborted', 'hanging', 'after'])
  })

  it('reads the same with the console consumer', async () => {
    const [all, console] = await Promise.all([
      consumeAll(address, 'java-bytes', { isolation: 'read_committed' }),
      consumeWithConsole(address, 'java-bytes', {
        isolation: 'read_committed',
        idleMs: 20_000,
        maxRecords: 4,
      }),
    ])
    expect(console).toEqual(all)
  })

  it('says what is wrong', async () => {
    await expect(
      produceWithJava(address, [{ records: [] }], { 'compression.type': 'none-such' }),
    ).rejects.toThrow(/compression\.type/)
  })
})
