import { askKafkaTool, runKafkaCommand } from './java-process.ts'

export type JavaIsolation = 'read_committed' | 'read_uncommitted'

/** Settings of Kafka's Java client, such as `security.protocol`. */
export type JavaSettings = Readonly<Record<string, string>>

/** A record as the Java client reads it. */
export interface JavaRecord {
  readonly partition: number
  readonly offset: bigint
  readonly timestampType: 'CreateTime' | 'LogAppendTime' | 'NoTimestampType'
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly (readonly [name: string, value: Buffer | null])[]
}

/** A record for the Java producer: text is UTF-8, what is left out is null, or chosen by the producer. */
export interface JavaInput {
  readonly topic: string
  readonly partition?: number
  readonly timestampMs?: number
  readonly key?: string | Uint8Array | null
  readonly value?: string | Uint8Array | null
  readonly headers?: readonly (readonly [name: string, value: string | Uint8Array | null])[]
}

/** Records that are sent together; `end` for a transactional producer: each is a transaction. */
export interface JavaBatch {
  readonly records: readonly JavaInput[]
  /** `hang`: the producer dies with the transaction open. Nothing may follow. */
  readonly end?: 'commit' | 'abort' | 'hang'
}

/** Where the Java producer wrote a record. */
export interface JavaPlace {
  readonly partition: number
  readonly offset: bigint
}

/** How long the end of a transaction may take to be marked in the topic, and a client's to time out. */
const defaultWaitMs = 15_000

/**
 * All records of a topic from its start to the end that it has now, by Kafka's own Java client; in order
 * within each partition. With read_committed it first waits for open transactions to end, since those
 * that have been committed become visible a little later; after `waitMs` it reads up to the open one.
 */
export async function consumeAll(
  address: string,
  topic: string,
  options: { isolation: JavaIsolation; waitMs?: number; settings?: JavaSettings },
): Promise<readonly JavaRecord[]> {
  const { isolation, waitMs = defaultWaitMs, settings } = options
  const all = { 'bootstrap.servers': address, 'isolation.level': isolation, ...settings }
  const lines = await askKafkaTool([['consume', topic, waitMs, ...asFields(all)].join('\t')])
  return lines.map(parseRecord)
}

/**
 * The same by the command `kafka-console-consumer`. It cannot know where the end is: it ends when
 * nothing has come for `idleMs`, or after `maxRecords`.
 */
export async function consumeWithConsole(
  address: string,
  topic: string,
  options: { isolation: JavaIsolation; idleMs: number; maxRecords?: number },
): Promise<readonly JavaRecord[]> {
  const flags = {
    '--bootstrap-server': address,
    '--topic': topic,
    '--isolation-level': options.isolation,
    '--formatter': 'KafkaTool$Lines',
    '--timeout-ms': options.idleMs,
    ...(options.maxRecords === undefined ? {} : { '--max-messages': options.maxRecords }),
  }
  const args = Object.entries(flags).flatMap(([name, value]) => [name, String(value)])
  const command = 'org.apache.kafka.tools.consumer.ConsoleConsumer'
  return (await runKafkaCommand(command, ['--from-beginning', ...args])).map(parseRecord)
}

/**
 * Writes with Kafka's Java producer, whose defaults hold (idempotent, acks=all).
 * `settings`: `compression.type`, `transactional.id`, `transaction.timeout.ms`, `linger.ms` and so on.
 * @returns by record, in order.
 */
export async function produceWithJava(
  address: string,
  batches: readonly JavaBatch[],
  settings: JavaSettings = {},
): Promise<readonly JavaPlace[]> {
  const all = { 'bootstrap.servers': address, ...settings }
  const input = batches.flatMap(({ records, end }) => [
    ...(end === undefined ? [] : ['begin']),
    ...records.map(recordLine),
    ...(end === undefined ? [] : [end]),
  ])
  const lines = await askKafkaTool([['produce', ...asFields(all)].join('\t'), ...input, 'end'])
  return lines.map((line) => {
    const [partition, offset] = line.split('\t')
    return { partition: Number(partition), offset: BigInt(offset!) }
  })
}

/** Makes a topic; `config` has its own settings, such as `cleanup.policy`. */
export async function createTopicWithJava(
  address: string,
  topic: { name: string; partitions: number; config?: JavaSettings },
  settings: JavaSettings = {},
): Promise<void> {
  const { name, partitions, config = {} } = topic
  const all = asFields({ 'bootstrap.servers': address, ...settings })
  await askKafkaTool([['create', name, partitions, ...all, '--', ...asFields(config)].join('\t')])
}

function asFields(settings: JavaSettings): string[] {
  return Object.entries(settings).map(([name, value]) => `${name}=${value}`)
}

function recordLine(record: JavaInput): string {
  const { topic, partition, timestampMs, key, value, headers = [] } = record
  const fields = [topic, partition ?? '-', timestampMs ?? '-', encode(key), encode(value)]
  return [...fields, ...headers.flatMap(([name, each]) => [encode(name), encode(each)])].join('\t')
}

function parseRecord(line: string): JavaRecord {
  const [partition, offset, timestampType, timestamp, key, value, ...headers] = line.split('\t')
  return {
    partition: Number(partition),
    offset: BigInt(offset!),
    timestampType: timestampType as JavaRecord['timestampType'],
    timestampMs: Number(timestamp),
    key: decode(key!),
    value: decode(value!),
    headers: Array.from({ length: headers.length / 2 }, (_, i) => [
      decode(headers[2 * i]!)!.toString('utf8'),
      decode(headers[2 * i + 1]!),
    ]),
  }
}

function encode(bytes: string | Uint8Array | null | undefined): string {
  return bytes === null || bytes === undefined ? '-' : Buffer.from(bytes).toString('base64')
}

function decode(field: string): Buffer | null {
  return field === '-' ? null : Buffer.from(field, 'base64')
}
