import { afterEach, expect, it } from 'vitest'
import { describeWithKafka, sharedBroker } from './broker/describe-with-kafka.ts'
import {
  byText,
  createTopics,
  PipelineFolder,
  recordsOf,
  stopped,
  text,
} from './endpoints/endpoint-pipeline.ts'
import {
  consumeAll,
  consumeWithConsole,
  produceWithJava,
  type JavaInput,
  type JavaRecord,
} from './java/kafka-tool.ts'
import { haveKcat, kcat } from './kcat.ts'

const { address } = sharedBroker
const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
const baseMs = Date.UTC(2026, 0, 1)
/** The console consumer starts a Java of its own, and joins a group. */
const consoleWaitMs = 60_000
const timingHeader = 'millrace-timing'
const folders: PipelineFolder[] = []

/** A run on the cluster; `more` is the rest of the stage. */
function run(pipeline: string, stage: string, topics = '') {
  const made = new PipelineFolder(`pipeline: ${pipeline}\n${topics}stages:\n${stage}`)
  folders.push(made)
  return made.run(['--log', `kafka://${address}`])
}

const copy = (from: string, to: string, more = '') =>
  `  - name: copy\n    from: ${from}\n${more}    to: ${to}\n`

/** What other programs see of a record, but for Millrace's own header. */
function content({ key, value, headers, timestampMs, partition }: JavaRecord) {
  return {
    partition,
    timestampMs,
    key: key?.toString('base64') ?? null,
    value: value?.toString('base64') ?? null,
    headers: headers
      .filter(([name]) => name !== timingHeader)
      .map(([name, bytes]) => [name, bytes?.toString('base64') ?? null]),
  }
}

/** Records with all that a record can have, as the Java producer writes them. */
function variedRecords(topic: string): JavaInput[] {
  const records: Omit<JavaInput, 'timestampMs'>[] = [
    { topic, key: 'plain', value: '{"a":1}' },
    { topic, key: null, value: Buffer.from([0, 9, 10, 13, 0xff]), partition: 1 },
    { topic, key: '', value: null },
    { topic, key: 'grüße 🌊', value: '' },
    {
      topic,
      key: Buffer.from([0xff, 0, 1, 2, 3]),
      value: 'x'.repeat(20_000),
      headers: [
        ['trace', 'x'],
        ['', ''],
        ['trace', null],
        ['__proto__', Buffer.from([0xff])],
      ],
    },
    ...Array.from({ length: 300 }, (_, index) => ({
      topic,
      key: `key-${index}`,
      value: `value ${index}`,
      headers: [['n', String(index)]] as const,
    })),
  ]
  return records.map((record, index) => ({ ...record, timestampMs: baseMs + index }))
}

describeWithKafka('the Kafka log and programs of others', () => {
  afterEach(() => {
    for (const made of folders.splice(0)) made.remove()
  })

  it.each(codecs)(
    'hands on what the Java producer wrote with %s, byte for byte and in its partition',
    async (codec) => {
      const [input, output] = [`interop-${codec}-in`, `interop-${codec}-out`]
      await createTopics(address, { [input]: 3 })
      const records = variedRecords(input)
      await produceWithJava(address, [{ records }], { 'compression.type': codec })
      const running = run(
        `interop-${codec}`,
        copy(input, output),
        `topics:\n  ${output}:\n    partitions: 3\n`,
      )
      const found = await recordsOf(address, output, { count: records.length, run: running })
      expect(await stopped(running)).toBe(0)
      const written = await consumeAll(address, input, { isolation: 'read_committed' })
      expect(written).toHaveLength(records.length)
      expect(found.map(content).toSorted(byText)).toEqual(written.map(content).toSorted(byText))
    },
  )

  it('chooses the partition of a key as the Java producer does', async () => {
    await createTopics(address, { 'interop-keys-in': 1 })
    const special = ['', 'a', 'ab', 'abc', 'abcd', 'grüße 🌊', 'x'.repeat(1_000)]
    const keys = [...special, ...Array.from({ length: 200 }, (_, index) => `user-${index * 7_919}`)]
    const records = keys.map((key) => ({
      topic: 'interop-keys-in',
      value: JSON.stringify({ user: key }),
    }))
    await produceWithJava(address, [{ records }])
    const running = run(
      'interop-keys',
      copy('interop-keys-in', 'interop-keys-out', '    key: value.user\n'),
      'topics:\n  interop-keys-out:\n    partitions: 7\n',
    )
    const found = await recordsOf(address, 'interop-keys-out', { count: keys.length, run: running })
    expect(await stopped(running)).toBe(0)
    const chosen = await produceWithJava(address, [
      { records: keys.map((key) => ({ topic: 'interop-keys-out', key, value: 'probe' })) },
    ])
    const byKey = new Map(found.map(({ key, partition }) => [text(key), partition]))
    expect(keys.map((key) => byKey.get(key))).toEqual(chosen.map(({ partition }) => partition))
  })

  it(
    "shows Kafka's console consumer results and dead letters, once and committed",
    async () => {
      await createTopics(address, { 'interop-console-in': 2 })
      const records = Array.from({ length: 200 }, (_, index) => ({
        topic: 'interop-console-in',
        key: `k${index % 10}`,
        // A few that are no JSON.
        value: index % 50 === 7 ? `broken ${index}` : JSON.stringify({ n: index }),
        headers: [['n', String(index)]] as const,
        timestampMs: baseMs + index,
      }))
      await produceWithJava(
        address,
        [
          { records: records.slice(0, 100), end: 'commit' },
          { records: records.slice(0, 50), end: 'abort' },
          { records: records.slice(100), end: 'commit' },
        ],
        { 'transactional.id': 'interop-console', 'compression.type': 'lz4' },
      )
      const running = run(
        'interop-console',
        copy(
          'interop-console-in',
          'interop-console-out',
          '    steps:\n      - set: { twice: value.n * 2 }\n',
        ),
      )
      await recordsOf(address, 'interop-console-out', { count: 196, run: running })
      await recordsOf(address, 'interop-console.copy.dlq', { count: 4, run: running })
      expect(await stopped(running)).toBe(0)
      const options = { isolation: 'read_committed', idleMs: consoleWaitMs } as const
      const results = await consumeWithConsole(address, 'interop-console-out', {
        ...options,
        maxRecords: 196,
      })
      const good = records.flatMap(({ value, timestampMs }, n) =>
        value.startsWith('{') ? [[n, 2 * n, `k${n % 10}`, String(n), timestampMs]] : [],
      )
      const shown = results.map(({ key, value, headers, timestampMs }) => {
        const { n, twice } = JSON.parse(text(value)!) as { n: number; twice: number }
        const own = headers.find(([name]) => name === 'n')
        return [n, twice, text(key), text(own?.[1] ?? null), timestampMs]
      })
      expect(shown.toSorted((left, right) => Number(left[0]) - Number(right[0]))).toEqual(good)
      const dead = await consumeWithConsole(address, 'interop-console.copy.dlq', {
        ...options,
        maxRecords: 4,
      })
      const names = dead.flatMap(({ headers }) => headers.map(([name]) => name))
      expect(dead.map(({ value }) => text(value)).toSorted(byText)).toEqual(
        [7, 57, 107, 157].map((n) => `broken ${n}`).toSorted(byText),
      )
      expect(names).toContain('n')
      expect(names).toContain('millrace-dlq-code')
      expect(text(dead[0]!.headers.find(([name]) => name === 'millrace-dlq-topic')![1])).toBe(
        'interop-console-in',
      )
    },
    3 * consoleWaitMs,
  )

  it('reads what kcat wrote, and is read by it', async ({ skip }) => {
    if (!(await haveKcat())) skip()
    const [input, output] = ['interop-kcat-in', 'interop-kcat-out']
    await createTopics(address, { [input]: 2 })
    const java = 'topic.partitioner=murmur2_random'
    const write = (topic: string, lines: readonly string[], more: readonly string[] = []) =>
      kcat(['-b', address, '-P', '-t', topic, '-K', '|', ...more], `${lines.join('\n')}\n`)
    for (const codec of codecs) {
      const compression = codec === 'none' ? [] : ['-z', codec]
      const lines = Array.from({ length: 20 }, (_, n) => `${codec}-${n}|{"n":${n}}`)
      await write(input, lines, ['-H', `codec=${codec}`, '-H', 'empty', '-X', java, ...compression])
    }
    // It writes null for an empty value.
    await write(input, ['deleted|'], ['-Z'])
    const running = run(
      'interop-kcat',
      copy(input, output),
      `topics:\n  ${output}:\n    partitions: 5\n`,
    )
    const found = await recordsOf(address, output, { count: 101, run: running })
    expect(await stopped(running)).toBe(0)
    expect(found.find(({ key }) => text(key) === 'deleted')?.value).toBeNull()
    const zstd = found.find(({ key }) => text(key) === 'zstd-3')!
    expect(text(zstd.value)).toBe('{"n":3}')
    expect(content(zstd).headers).toEqual([
      ['codec', Buffer.from('zstd').toString('base64')],
      ['empty', null],
    ])
    const committed = ['-X', 'isolation.level=read_committed']
    const all = ['-b', address, '-C', '-t', output, '-e', '-q', '-Z', '-f', '%k|%p|%s\n']
    const read = await kcat([...all, ...committed])
    expect(read.trimEnd().split('\n').toSorted(byText)).toEqual(
      found
        .map(({ key, partition, value }) => `${text(key)!}|${partition}|${text(value) ?? 'NULL'}`)
        .toSorted(byText),
    )
    // Its murmur2 is Java's, and so is ours.
    await write(
      output,
      found.map(({ key }) => `${text(key)!}|probe`),
      ['-X', java],
    )
    const probed = (await consumeAll(address, output, { isolation: 'read_committed' })).filter(
      ({ value }) => text(value) === 'probe',
    )
    expect(probed.map(({ key, partition }) => [text(key), partition]).toSorted(byText)).toEqual(
      found.map(({ key, partition }) => [text(key), partition]).toSorted(byText),
    )
  })
})
