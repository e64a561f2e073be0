import { createSystemClock } from '../../../src/clock/system-clock.ts'
import { createSystemRandom } from '../../../src/clock/system-random.ts'
import type { Log, TaskCommit, TaskLog, TaskSpec, TopicPartition } from '../../../src/core/log.ts'
import type { KafkaClient } from '../../../src/logs/kafka/client/kafka-client.ts'
import { batchWith, valuesOf } from '../../conformance/batches.ts'
import { commitOf, generous } from '../../conformance/log-fixture.ts'
import { openKafkaLog, type KafkaLogOptions } from '../../../src/logs/kafka/open-kafka-log.ts'

export const clock = createSystemClock()
const patienceMs = 30_000
const pauseMs = 5
const runs = clock.wallMs().toString(36)
let made = 0

/** A name that no other test has used, also not in an earlier run against the same cluster. */
export function freshName(what: string): string {
  made += 1
  return `${what}-${runs}-${process.pid}-${made}`
}

/** @param brokers `host:port`, several with commas. */
export function openLog(brokers: string, options: Partial<KafkaLogOptions> = {}): Promise<Log> {
  return openKafkaLog({
    connection: {
      brokers: brokers.split(','),
      tls: null,
      sasl: null,
      allowPlaintextPassword: false,
    },
    clock,
    random: createSystemRandom(),
    notice: () => {},
    mask: (text) => text,
    worker: 'test',
    instanceId: null,
    sessionTimeoutMs: null,
    ...options,
  })
}

export async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const endUs = clock.monotonicUs() + patienceMs * 1_000
  while (!(await isTrue())) {
    if (clock.monotonicUs() > endUs) throw new Error('it did not come true in time')
    await clock.sleep(pauseMs)
  }
}

/** All partitions of the topics that begin so. */
export async function partitionsOf(
  client: KafkaClient,
  prefix: string,
): Promise<readonly TopicPartition[]> {
  const topics = (await client.describeTopics(null)).filter(({ name }) => name.startsWith(prefix))
  return topics.flatMap(({ name, leaders }) =>
    leaders.map((_, partition) => ({ topic: name, partition })),
  )
}

/** Returns once all transactions that have ended are marked so in the topics that begin so. */
export function settle(client: KafkaClient, prefix: string): Promise<void> {
  return until(async () => {
    const places = await partitionsOf(client, prefix)
    const readable = await client.listOffsets(places, 'latest', 'read_committed')
    const written = await client.listOffsets(places, 'latest', 'read_uncommitted')
    return readable.every((end, index) => end === written[index])
  })
}

/** A pipeline with one stage, which copies `<name>-in` to `<name>-out` and has state. */
export class StageFixture {
  readonly name: string
  readonly log: Log
  readonly input: TopicPartition
  readonly output: TopicPartition
  readonly changelog: TopicPartition
  readonly group: string

  private constructor(log: Log, name: string) {
    this.log = log
    this.name = name
    this.input = { topic: `${name}-in`, partition: 0 }
    this.output = { topic: `${name}-out`, partition: 0 }
    this.changelog = { topic: `${name}.stage.changelog`, partition: 0 }
    this.group = `${name}.stage`
  }

  static async create(log: Log): Promise<StageFixture> {
    const stage = new StageFixture(log, freshName('stage'))
    await stage.ensureTopics()
    return stage
  }

  /** The same stage as another worker has it. */
  at(log: Log): StageFixture {
    return new StageFixture(log, this.name)
  }

  async ensureTopics(): Promise<void> {
    const settings = { partitions: 1, retentionMs: null } as const
    await this.log.admin.ensureTopics([
      { name: this.input.topic, ...settings },
      { name: this.output.topic, ...settings },
      { name: this.changelog.topic, ...settings, cleanup: 'compact' },
    ])
  }

  open(spec: Partial<TaskSpec> = {}): Promise<TaskLog> {
    return this.log.openTask({
      id: `${this.group}/0`,
      group: this.group,
      inputs: [this.input],
      start: 'earliest',
      delivery: 'exactly_once',
      changelog: this.changelog,
      ...spec,
    })
  }

  /** Without state. */
  openStateless(
    delivery: 'at_least_once' | 'exactly_once',
    start: 'earliest' | 'latest' = 'earliest',
  ): Promise<TaskLog> {
    const { group, input } = this
    return this.log.openTask({ id: `${group}/0`, group, inputs: [input], start, delivery })
  }

  /** Appends one batch to the input. */
  async write(...values: string[]): Promise<void> {
    const spec = { id: `${this.name}.writer/0`, group: `${this.name}.writer`, inputs: [] }
    const writer = await this.log.openTask({
      ...spec,
      start: 'earliest',
      delivery: 'at_least_once',
    })
    await writer.commit(commitOf({ outputs: [{ ...this.input, batch: batchWith(...values) }] }))
    await writer.close()
  }

  /** A commit that counts to `count`, writes it, and moves the position to `offset`. */
  counting(count: number, offset: number | null = null): TaskCommit {
    return commitOf({
      outputs: [{ ...this.output, batch: batchWith(String(count)) }],
      state: [{ step: 'count', key: 'k', value: String(count), dueMs: null }],
      next: offset === null ? [] : [{ ...this.input, offset: BigInt(offset) }],
    })
  }

  async results(): Promise<(string | null)[]> {
    const values: (string | null)[] = []
    for (let offset = 0n; ;) {
      const slices = await this.log.reader.read({ ...this.output, offset }, 1e6)
      if (slices.length === 0) return values
      values.push(...valuesOf(slices))
      offset = slices.at(-1)!.next
    }
  }
}

/** All that a task has to read now. */
export async function pullAll(task: TaskLog): Promise<(string | null)[]> {
  const values: (string | null)[] = []
  for (;;) {
    const slices = await task.pull(generous)
    if (slices === null) return values
    values.push(...valuesOf(slices))
  }
}

export async function countOf(task: TaskLog): Promise<string | null> {
  const [entry] = await task.restore()
  return entry?.value ?? null
}
