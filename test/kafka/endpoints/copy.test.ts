import { afterEach, expect, it } from 'vitest'
import { describeWithKafka, sharedBroker } from '../broker/describe-with-kafka.ts'
import {
  consumeAll,
  consumeWithConsole,
  produceWithJava,
  type JavaInput,
  type JavaRecord,
} from '../java/kafka-tool.ts'
import {
  byText,
  connections,
  copyPipeline,
  createTopics,
  PipelineFolder,
  recordsOf,
  stopped,
  text,
} from './endpoint-pipeline.ts'

const { address } = sharedBroker
const folders: PipelineFolder[] = []
/** The console consumer starts a Java of its own, and joins a group. */
const consoleWaitMs = 60_000
const baseMs = Date.UTC(2026, 0, 1)

function folder(...args: ConstructorParameters<typeof PipelineFolder>): PipelineFolder {
  const made = new PipelineFolder(...args)
  folders.push(made)
  return made
}

/** What a copy has to have in common with its original. */
function content({ key, value, headers, timestampMs }: JavaRecord) {
  return {
    key: key?.toString('base64') ?? null,
    value: value?.toString('base64') ?? null,
    headers: headers.map(([name, bytes]) => [name, bytes?.toString('base64') ?? null]),
    timestampMs,
  }
}

describeWithKafka('a copy from a topic to a topic, on the embedded log', () => {
  afterEach(() => {
    for (const made of folders.splice(0)) made.remove()
  })

  it.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'])(
    'keeps keys, values, nulls, headers and times byte for byte, by %s',
    async (codec) => {
      const [input, output] = [`copy-${codec}-in`, `copy-${codec}-out`]
      await createTopics(address, { [input]: 3, [output]: 4 })
      const records: JavaInput[] = [
        { topic: input, key: 'k', value: '{"a":1}', timestampMs: baseMs },
        { topic: input, key: null, value: Buffer.from([0, 9, 10, 13, 0xff]), timestampMs: baseMs },
        { topic: input, key: '', value: null, timestampMs: baseMs + 1 },
        {
          topic: input,
          key: Buffer.from([0xff, 0]),
          value: '',
          timestampMs: baseMs + 2,
          headers: [
            ['trace', 'x'],
            ['', ''],
            ['trace', null],
            ['__proto__', Buffer.from([0xff])],
          ],
        },
        ...Array.from({ length: 500 }, (_, index) => ({
          topic: input,
          key: `key-${index % 50}`,
          value: `value ${index} ${'x'.repeat(index % 100)}`,
          timestampMs: baseMs + index,
          headers: [['n', String(index)]] as const,
        })),
      ]
      await produceWithJava(address, [{ records }], { 'compression.type': codec })
      const pipeline = copyPipeline(address, {
        source: `topics: ${input}\nbounded: true`,
        sink: `topic: ${output}\ncompression: ${codec}`,
      })
      const { code, stderr } = await folder(pipeline).run().ended
      expect(stderr).not.toContain('blocked')
      expect(code).toBe(0)
      const before = await consumeAll(address, input, { isolation: 'read_committed' })
      const after = await consumeAll(address, output, { isolation: 'read_committed' })
      expect(before).toHaveLength(records.length)
      expect(after).toHaveLength(records.length)
      expect(after.map(content).toSorted(byText)).toEqual(before.map(content).toSorted(byText))
      expect(after.every(({ timestampType }) => timestampType === 'CreateTime')).toBe(true)
      // Each key is in the partition that Java chooses, in order.
      const probe = records.filter(({ key }) => typeof key === 'string')
      const chosen = await produceWithJava(address, [
        { records: probe.map(({ key }) => ({ topic: output, key: key!, value: 'probe' })) },
      ])
      for (const [index, { partition }] of chosen.entries()) {
        const found = after.find(({ key }) => text(key) === probe[index]!.key)
        expect(found?.partition).toBe(partition)
      }
      for (const key of new Set(probe.slice(2).map((each) => each.key as string))) {
        const numbers = after
          .filter((record) => text(record.key) === key)
          .map(({ headers }) => Number(headers[0]?.[1]?.toString()))
        expect(numbers).toEqual(numbers.toSorted((left, right) => left - right))
      }
    },
  )

  it('knows in expressions where a record came from, and has the key of the stage', async () => {
    await createTopics(address, { 'copy-places-in': 1, 'copy-places-out': 2 })
    const records = ['a', 'b'].map((user, index) => ({
      topic: 'copy-places-in',
      value: JSON.stringify({ user }),
      timestampMs: baseMs + index,
      headers: [['trace', user]] as const,
    }))
    await produceWithJava(address, [{ records }])
    const made = folder(`pipeline: places
${connections(address)}stages:
  - name: read
    source:
      kafka:
        connection: main
        topics: [copy-places-in]
        bounded: true
    steps:
      - set:
          topic: source.topic
          at: source.offset + source.partition
          time: source.timestamp
          trace: headers.trace
    to: raw
  - name: write
    from: raw
    key: value.user
    sink:
      kafka:
        connection: main
        topic: copy-places-out
`)
    const { code, stderr } = await made.run().ended
    expect(code, stderr).toBe(0)
    const found = await consumeAll(address, 'copy-places-out', { isolation: 'read_committed' })
    expect(
      found.map(({ key, value }) => [text(key), JSON.parse(text(value)!)]).toSorted(byText),
    ).toEqual(
      ['a', 'b'].map((user, index) => [
        user,
        { user, topic: 'copy-places-in', at: index, time: baseMs + index, trace: user },
      ]),
    )
  })

  it(
    "is read by Kafka's console consumer",
    async () => {
      await createTopics(address, { 'copy-console-in': 1, 'copy-console-out': 2 })
      const records = Array.from({ length: 100 }, (_, index) => ({
        topic: 'copy-console-in',
        key: `k${index}`,
        value: `v${index}`,
      }))
      await produceWithJava(address, [{ records }])
      const pipeline = copyPipeline(address, {
        source: 'topics: copy-console-in\nbounded: true',
        sink: 'topic: copy-console-out\ncompression: gzip',
      })
      expect((await folder(pipeline).run().ended).code).toBe(0)
      const read = await consumeWithConsole(address, 'copy-console-out', {
        isolation: 'read_committed',
        idleMs: consoleWaitMs,
        maxRecords: records.length,
      })
      expect(read.map(({ key, value }) => [text(key), text(value)]).toSorted(byText)).toEqual(
        records.map(({ key, value }) => [key, value]).toSorted(byText),
      )
    },
    2 * consoleWaitMs,
  )

  it('goes on until it is stopped, and from there when it is run again', async () => {
    await createTopics(address, { 'copy-on-in': 2, 'copy-on-out': 2 })
    const write = (value: string) =>
      produceWithJava(address, [{ records: [{ topic: 'copy-on-in', value }] }])
    const made = folder(
      copyPipeline(address, { source: 'topics: copy-on-in', sink: 'topic: copy-on-out' }),
    )
    for (const [index, value] of ['1', '2', '3'].entries()) {
      const run = made.run()
      await write(value)
      await recordsOf(address, 'copy-on-out', { count: index + 1, run })
      expect(await stopped(run)).toBe(0)
    }
    const found = await recordsOf(address, 'copy-on-out', { count: 3 })
    expect(found.map(({ value }) => text(value)).toSorted(byText)).toEqual(['1', '2', '3'])
  })

  it('closes windows by the times of a backlog in many partitions, with nothing late', async () => {
    await createTopics(address, { 'copy-late-in': 4, 'copy-late-out': 1 })
    const count = 20_000
    // One partition after the other, as a backlog is fetched.
    const records = [0, 1, 2, 3].flatMap((partition) =>
      Array.from({ length: count / 4 }, (_, index) => ({
        topic: 'copy-late-in',
        partition,
        value: JSON.stringify({ n: 1 }),
        timestampMs: baseMs + index * 100,
      })),
    )
    await produceWithJava(address, [{ records }])
    const made = folder(`pipeline: late
${connections(address)}stages:
  - name: read
    source:
      kafka:
        connection: main
        topics: copy-late-in
    to: raw
  - name: total
    from: raw
    steps:
      - aggregate:
          window: { tumbling: 10s }
          fields:
            n: sum(value.n)
    to: totals
  - name: write
    from: totals
    sink:
      kafka:
        connection: main
        topic: copy-late-out
`)
    const run = made.run()
    // Of 50 windows the last one stays open.
    const found = await recordsOf(address, 'copy-late-out', { count: 49, run })
    expect(await stopped(run)).toBe(0)
    expect(found.map(({ value }) => (JSON.parse(text(value)!) as { n: number }).n)).toEqual(
      Array.from({ length: 49 }, () => 400),
    )
    // A window's result has the time of its end.
    expect(found[0]!.timestampMs).toBe(baseMs + 10_000 - 1)
  })
})
