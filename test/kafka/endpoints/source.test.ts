import { afterEach, expect, it } from 'vitest'
import type { KafkaSourceOptions } from '../../../src/core/endpoints.ts'
import type { PipelineError } from '../../../src/core/errors.ts'
import { errorOf } from '../../endpoints/endpoint-fixture.ts'
import { describeWithKafka, sharedBroker } from '../broker/describe-with-kafka.ts'
import { again, connectTo, failureOf } from '../client/client-fixture.ts'
import { runKafkaCommand } from '../java/java-process.ts'
import { produceWithJava, type JavaInput } from '../java/kafka-tool.ts'
import {
  aConnection,
  endpointsOf,
  impatientClock,
  readToEnd,
  SourceRead,
  type Endpoints,
} from './endpoint-fixture.ts'
import { byText, createTopics, eventually } from './endpoint-pipeline.ts'

const { address } = sharedBroker
const connection = aConnection(address)
const opened: Endpoints[] = []

function endpoints(...args: Parameters<typeof endpointsOf>): Endpoints {
  const made = endpointsOf(...args)
  opened.push(made)
  return made
}

function source(options: Partial<KafkaSourceOptions>, of = endpoints()) {
  return of.source({ connection, ...options })
}

/** A topic with so many partitions, and values in partitions. */
async function topicWith(
  topic: string,
  values: readonly (readonly string[])[],
): Promise<readonly string[]> {
  await createTopics(address, { [topic]: values.length })
  await write(topic, values)
  return [topic]
}

async function write(topic: string, values: readonly (readonly string[])[]): Promise<void> {
  const records = values.flatMap((texts, partition) =>
    texts.map((value): JavaInput => ({ topic, partition, value })),
  )
  await produceWithJava(address, [{ records }])
}

async function withClient<Result>(
  use: (client: Awaited<ReturnType<typeof connectTo>>) => Promise<Result>,
): Promise<Result> {
  const client = await connectTo(address)
  try {
    return await use(client)
  } finally {
    await client.close()
  }
}

/** Lines of the tool: group, topic, partition, position, end, lag. */
async function describedGroup(group: string): Promise<string[][]> {
  const lines = await runKafkaCommand(
    'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
    ['--bootstrap-server', address, '--describe', '--group', group],
  )
  return lines.map((line) => line.trim().split(/\s+/).slice(0, 6))
}

function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, index) => String(from + index))
}

describeWithKafka('a source of topics', () => {
  afterEach(async () => {
    for (const made of opened.splice(0)) await made.close()
  })

  it('reads all partitions of all topics, and says where each record stood', async () => {
    const topics = [
      ...(await topicWith('source-a', [['1', '2'], ['3']])),
      ...(await topicWith('source-b', [['4']])),
    ]
    const read = await new SourceRead().toEnd(source({ topics, bounded: true }))
    expect(read.values.toSorted(byText)).toEqual(['1', '2', '3', '4'])
    const places = read.slices.flatMap(({ batch, info }) =>
      Array.from({ length: batch.count }, (_, index) => {
        const { topic, partition, offset, timestamp } = info(index)
        expect(Number(timestamp)).toBeGreaterThan(Date.UTC(2026, 0, 1))
        return [topic, partition, offset, batch.valueText(index)]
      }),
    )
    expect(places.toSorted(byText)).toEqual([
      ['source-a', 0, 0, '1'],
      ['source-a', 0, 1, '2'],
      ['source-a', 1, 0, '3'],
      ['source-b', 0, 0, '4'],
    ])
    expect([...read.positions.keys()].toSorted()).toEqual([
      'source-a/0',
      'source-a/1',
      'source-b/0',
    ])
  })

  it('goes on behind each position, also within a batch, and ends again at the end', async () => {
    const topics = await topicWith('source-on', [numbers(0, 5_000)])
    const first = await new SourceRead().until(source({ topics, bounded: true }), 1)
    expect(first.values).toHaveLength(2_048)
    await write('source-on', [numbers(5_000, 5_010)])
    const rest = source({ topics, bounded: true, positions: first.positions })
    expect(await readToEnd(rest)).toEqual(numbers(2_048, 5_010))
    const { positions } = await new SourceRead().toEnd(source({ topics, bounded: true }))
    expect(await readToEnd(source({ topics, bounded: true, positions }))).toEqual([])
  })

  it('ends at once where nothing is', async () => {
    const topics = await topicWith('source-empty', [[], []])
    const read = await new SourceRead().toEnd(source({ topics, bounded: true }))
    expect(read.values).toEqual([])
    expect([...read.positions]).toEqual([
      ['source-empty/0', { offset: '0', topic_id: expect.any(String) }],
      ['source-empty/1', { offset: '0', topic_id: expect.any(String) }],
    ])
  })

  it('waits for more where it is not bounded, until it is stopped', async () => {
    const topics = await topicWith('source-wait', [['1']])
    const open = source({ topics })
    const read = await new SourceRead().until(open, 1)
    const more = read.until(open, 2)
    await write('source-wait', [['2']])
    expect((await more).values).toEqual(['1', '2'])
    const stop = new AbortController()
    const waiting = read.until(open, 3, stop.signal)
    stop.abort()
    expect((await waiting).values).toEqual(['1', '2'])
    expect(open.lag?.()).toBe(0)
  })

  it('begins at the end where it is told so, and keeps that place at once', async () => {
    const topics = await topicWith('source-latest', [['old'], []])
    const first = source({ topics, start: 'latest' })
    const [slice] = (await new SourceRead().until(first, 0)).slices
    expect(slice).toBeUndefined()
    const start = await first.read({
      maxRecords: 1,
      maxBytes: 1,
      signal: new AbortController().signal,
    })
    expect(start?.batch.count).toBe(0)
    await write('source-latest', [['new'], ['too']])
    // As after a crash: what was written meanwhile is not missed.
    const positions = new Map(start!.positions)
    const second = source({ topics, start: 'latest', bounded: true, positions })
    expect((await readToEnd(second)).toSorted(byText)).toEqual(['new', 'too'])
  })

  it('reads what committed transactions wrote, and ends behind those that did not', async () => {
    await createTopics(address, { 'source-transactions': 1 })
    const batch = (value: string) => [{ topic: 'source-transactions', value }]
    await produceWithJava(
      address,
      [
        { records: batch('committed'), end: 'commit' },
        { records: batch('aborted'), end: 'abort' },
      ],
      { 'transactional.id': 'source-transactions' },
    )
    expect(await readToEnd(source({ topics: ['source-transactions'], bounded: true }))).toEqual([
      'committed',
    ])
  })

  it('finds partitions that are added while it runs, and those that were added meanwhile', async () => {
    const topics = await topicWith('source-grows', [['1']])
    const of = endpoints(impatientClock(30_000))
    const open = source({ topics, start: 'latest' }, of)
    const read = await new SourceRead().until(open, 0)
    const more = read.until(open, 1)
    await withClient((client) => client.createPartitions('source-grows', 2))
    await eventually('the broker leads the new partition', () =>
      withClient(async (client) => {
        const [topic] = await client.describeTopics(topics)
        return topic?.leaders[1] !== null
      }),
    )
    await write('source-grows', [[], ['2']])
    expect((await more).values).toEqual(['2'])
    await of.close()
    await withClient((client) => client.createPartitions('source-grows', 3))
    await eventually('the broker takes records for it', async () => {
      await write('source-grows', [[], [], ['3']])
      return true
    })
    // Not by `start`: the topic was known before.
    const { positions } = read
    const third = source({ topics, start: 'latest', bounded: true, positions })
    expect(await readToEnd(third)).toEqual(['3'])
  })

  it("tells a group how far it is, by Kafka's own tools, and not ahead of the commits", async () => {
    const topics = await topicWith('source-group', [numbers(0, 10), numbers(0, 4)])
    await new SourceRead().until(source({ topics, group: 'source-group-tools' }), 14)
    await write('source-group', [['x', 'y'], []])
    let rows: string[][] = []
    // The first group of a cluster takes its time.
    await eventually('the group shows the positions', async () => {
      rows = await describedGroup('source-group-tools')
      return rows.some(([, , , position]) => position === '10')
    })
    expect(rows).toContainEqual(['source-group-tools', 'source-group', '0', '10', '12', '2'])
    expect(rows).toContainEqual(['source-group-tools', 'source-group', '1', '4', '4', '0'])
    // Nothing is read from it.
    expect(
      await readToEnd(source({ topics, group: 'source-group-tools', bounded: true })),
    ).toHaveLength(16)
  })

  it('leaves a group alone that others use, and says so', async () => {
    const topics = await topicWith('source-busy', [['1']])
    const group = 'source-busy-group'
    const request = {
      group,
      memberId: '',
      instanceId: null,
      sessionTimeoutMs: 30_000,
      rebalanceTimeoutMs: 30_000,
      protocol: 'range',
      metadata: Buffer.from(''),
    }
    await withClient(async (client) => {
      const { memberId } = await failureOf(again(() => client.joinGroup(request)))
      const { generation } = await again(() =>
        client.joinGroup({ ...request, memberId: memberId! }),
      )
      const member = { group, generation, memberId: memberId!, instanceId: null }
      await client.syncGroup(member, 'range', [])
      const of = endpoints()
      const open = source({ topics, group }, of)
      expect((await new SourceRead().until(open, 1)).values).toEqual(['1'])
      await eventually('there is a notice', async () => of.notices.length > 0)
      expect(of.notices[0]).toMatch(
        /"source-busy-group" does not show .* give the source a group of its own\. The source goes on/,
      )
      await client.leaveGroup(member)
    })
  })

  it('stops where records were removed that it has not read', async () => {
    const topics = await topicWith('source-lost', [numbers(0, 10)])
    const { positions } = await new SourceRead().until(source({ topics }), 10)
    await write('source-lost', [numbers(10, 20)])
    await withClient((client) =>
      client.deleteRecords([{ topic: 'source-lost', partition: 0, offset: 15n }]),
    )
    const error = await errorOf(readToEnd(source({ topics, positions })))
    expect(error.code).toBe('LOG_POSITION_LOST')
    expect(error.message).toMatch(
      /source-lost, partition 0: .* offset 10, .* 15: 5 records were removed/,
    )
    expect(await readToEnd(source({ topics, bounded: true }))).toEqual(numbers(15, 20))
  })

  it('stops where the topic is another one now, or gone', async () => {
    const topics = await topicWith('source-anew', [['1', '2']])
    const { positions } = await new SourceRead().until(source({ topics }), 2)
    await withClient((client) => client.deleteTopics(topics))
    const gone: PipelineError = await errorOf(readToEnd(source({ topics, positions })))
    expect(gone.message).toContain(
      'has no topic "source-anew": correct `topics`, or create it there',
    )
    await eventually('the topic can be made again', async () => {
      try {
        await topicWith('source-anew', [['3', '4', '5']])
        return true
      } catch {
        return false
      }
    })
    const error = await errorOf(readToEnd(source({ topics, positions })))
    expect(error.code).toBe('LOG_POSITION_LOST')
    expect(error.message).toContain('topic source-anew was deleted and made again')
  })

  it('merges partitions by time, so that a backlog makes nothing late', async () => {
    await createTopics(address, { 'source-times': 3 })
    const records = Array.from({ length: 6_000 }, (_, index) => ({
      topic: 'source-times',
      partition: index % 3,
      value: 'x'.repeat(100),
      timestampMs: 1_700_000_000_000 + index,
    }))
    await produceWithJava(address, [{ records }])
    const read = await new SourceRead().toEnd(source({ topics: ['source-times'], bounded: true }))
    const times = read.slices.flatMap(({ batch }) => [
      ...batch.eventTimeMs.subarray(0, batch.count),
    ])
    expect(times).toHaveLength(6_000)
    expect(times).toEqual(times.toSorted((left, right) => left - right))
  })
})
