import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSystemClock } from '../../src/clock/system-clock.ts'
import { createSystemRandom } from '../../src/clock/system-random.ts'
import { RecordBatchBuilder } from '../../src/core/record-batch-builder.ts'
import { connectKafka } from '../../src/logs/kafka/client/connect-kafka.ts'
import type { KafkaClient } from '../../src/logs/kafka/client/kafka-client.ts'
import { Fetcher } from '../../src/logs/kafka/fetching/fetcher.ts'
import { IdempotentProducer } from '../../src/logs/kafka/producing/idempotent-producer.ts'
import { TopicLimits } from '../../src/logs/kafka/producing/topic-limits.ts'
import { partitionOf } from '../../src/core/partitioner.ts'
import { referenceOrders } from './reference-orders.ts'
import { orderStages } from './timed-run.ts'

const perSecond = 2_000
/** Two records at a time: as smooth as timers are. */
const tickUs = 1_000
const perTick = (perSecond * tickUs) / 1e6
const records = 30_000
/** While the process starts and the code gets warm. */
const skipped = 8_000
const partitions = 4
const topics = ['orders.raw', 'orders.clean', 'orders.dlq'] as const
const clock = createSystemClock()
const random = createSystemRandom()

/** When a record was first seen, monotonic µs, by its id. */
type Seen = Map<string, number>

/**
 * How much later a read_committed reader sees an order behind the clean stage than before it. Both topics
 * are read at once by one process, so that its own delays are on both sides.
 */
export async function benchKafkaLatency(
  folder: string,
  address: string,
  { command, delivery }: { command: string; delivery: string },
): Promise<string> {
  const own = join(folder, `latency-${delivery}`)
  mkdirSync(own)
  const file = join(own, 'paced.yaml')
  const topic = (name: (typeof topics)[number]) => `paced.${delivery}.${name}`
  const stage = orderStages.clean.replaceAll(/orders\.(raw|clean)/g, `paced.${delivery}.$&`)
  const settings = `    delivery: ${delivery}\n    dlq: ${topic('orders.dlq')}\n`
  const declared = `topics: { ${topic('orders.raw')}: { partitions: ${partitions} } }\n`
  writeFileSync(file, `pipeline: paced\n${declared}stages:${stage}\n${settings}`)
  const brokers = { brokers: [address], tls: null, sasl: null, clientId: 'millrace-bench', clock }
  const client = await connectKafka(brokers)
  const wanted = topics.map((name) => ({ name: topic(name), partitions, replication: -1 }))
  await client.createTopics(
    wanted.map((each) => ({ ...each, config: {} })),
    { validateOnly: false },
  )
  const log = ['--log', `kafka://${address}`, '--data-dir', join(own, 'data')]
  const run = start(command, ['run', file, '--quiet', ...log])
  const fetcher = new Fetcher({ client, clock, random })
  const stop = new AbortController()
  const rawUs: Seen = new Map()
  const cleanUs: Seen = new Map()
  const reading = [
    ...watch(fetcher, topic('orders.raw'), { seen: rawUs, signal: stop.signal }),
    ...watch(fetcher, topic('orders.clean'), { seen: cleanUs, signal: stop.signal }),
  ]
  await writePaced(client, topic('orders.raw'))
  await clock.sleep(2_000)
  run.child.kill('SIGTERM')
  await run.ended
  stop.abort()
  await Promise.all(reading)
  fetcher.close()
  await client.close()
  return quantiles(rawUs, cleanUs)
}

/** Good orders, at a steady pace: what is late is written at once. */
async function writePaced(client: KafkaClient, topic: string): Promise<void> {
  const limits = new TopicLimits(client, clock)
  const timing = () => false
  const producer = new IdempotentProducer({ client, clock, random, limits, codec: 'none', timing })
  const { signal } = new AbortController()
  const startUs = clock.monotonicUs()
  const sends: Promise<void>[] = []
  const orders = referenceOrders(2 * records).filter(({ isGood }) => isGood)
  for (let sent = 0; sent < records; sent += perTick) {
    const builders = Array.from({ length: partitions }, () => new RecordBatchBuilder(''))
    for (let index = 0; index < perTick; index++) {
      const { text } = orders.next().value!
      const { user_id: key } = JSON.parse(text) as { user_id: string }
      const times = { timestampMs: clock.wallMs(), eventTimeMs: Number.NaN, ingestUs: 0 }
      builders[partitionOf(key, partitions)]!.append({
        key,
        value: text,
        headers: new Uint8Array(0),
        times: { ...times, waitUs: 0, runUs: 0 },
      })
    }
    const outputs = builders.flatMap((builder, partition) =>
      builder.count === 0 ? [] : [{ topic, partition, batch: builder.finish() }],
    )
    sends.push(producer.send(outputs, signal))
    const leftMs = (startUs + (sent / perTick) * tickUs - clock.monotonicUs()) / 1_000
    if (leftMs > 0) await clock.sleep(leftMs)
  }
  await Promise.all(sends)
  producer.close()
}

function watch(
  fetcher: Fetcher,
  topic: string,
  { seen, signal }: { seen: Seen; signal: AbortSignal },
): Promise<void>[] {
  return Array.from({ length: partitions }, async (_, partition) => {
    const place = { topic, partition, offset: 0n, bufferBytes: 2 ** 22, topicId: null }
    const reader = fetcher.open(place)
    while (!signal.aborted) {
      await reader.whenReady(signal)
      const nowUs = clock.monotonicUs()
      for (const { batch } of signal.aborted ? [] : reader.take(Infinity, Infinity)) {
        for (let index = 0; index < batch.count; index++) {
          const { order_id: id } = JSON.parse(batch.valueText(index)!) as { order_id: string }
          if (!seen.has(id)) seen.set(id, nowUs)
        }
      }
    }
    reader.close()
  })
}

function quantiles(rawUs: Seen, cleanUs: Seen): string {
  const delaysMs = [...cleanUs]
    .slice(skipped)
    .map(([id, us]) => (us - rawUs.get(id)!) / 1_000)
    .toSorted((left, right) => left - right)
  if (delaysMs.length < records / 2) throw new Error(`only ${cleanUs.size} orders came through`)
  const at = (fraction: number) => delaysMs[Math.floor(fraction * delaysMs.length)]!.toFixed(1)
  return `${at(0.5)} / ${at(0.99)} ms`
}

function start(command: string, args: readonly string[]) {
  const child = spawn(process.execPath, [command, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const ended = new Promise<void>((resolve, reject) => {
    child.on('close', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`millrace ${args[0]} ended with ${String(code)}`))
    })
  })
  // Somebody looks at it when all is written.
  ended.catch(() => {})
  return { child, ended }
}
