import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSystemClock } from '../../src/clock/system-clock.ts'
import { createSystemRandom } from '../../src/clock/system-random.ts'
import { connectKafka } from '../../src/logs/kafka/client/connect-kafka.ts'
import type { KafkaClient } from '../../src/logs/kafka/client/kafka-client.ts'
import { Fetcher } from '../../src/logs/kafka/fetching/fetcher.ts'

const perSecond = 2_000
const records = 20_000
/** While the process starts and the code gets warm. */
const skipped = 4_000
const partitions = 4
const clock = createSystemClock()
const random = createSystemRandom()

const pipeline = (delivery: string) => `pipeline: paced
topics:
  paced.${delivery}.raw: { partitions: ${partitions} }
  paced.${delivery}.clean: { partitions: ${partitions} }
stages:
  - name: ingest
    source:
      generate:
        count: ${records}
        rate: ${perSecond}/s
        seed: 1
        template:
          id: { $sequence: "%d" }
          country: { $choice: [" de ", FR, "us "] }
          amount: { $number: { min: 1, max: 999.99, text: true } }
          email: { $format: ["customer.%d@example.com", { $integer: [0, 49999] }] }
    key: value.email
    to: paced.${delivery}.raw
  - name: clean
    from: paced.${delivery}.raw
    delivery: ${delivery}
    steps:
      - trim: [country]
      - set: { country: upper(value.country) }
      - cast: { amount: number }
      - mask: { email: sha256 }
    to: paced.${delivery}.clean
`

/**
 * How much later a read_committed reader sees a record behind the clean stage than before it. Both topics
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
  writeFileSync(file, pipeline(delivery))
  const log = ['--log', `kafka://${address}`, '--data-dir', join(own, 'data')]
  await finished(command, ['topics', 'apply', file, '--yes', ...log])
  const client = await connectKafka({
    brokers: [address],
    tls: null,
    sasl: null,
    clientId: 'millrace-bench',
    clock,
  })
  const fetcher = new Fetcher({ client, clock, random })
  const stop = new AbortController()
  const rawUs = new Map<string, number>()
  const cleanUs = new Map<string, number>()
  const reading = [
    ...watch(fetcher, `paced.${delivery}.raw`, { seen: rawUs, signal: stop.signal }),
    ...watch(fetcher, `paced.${delivery}.clean`, { seen: cleanUs, signal: stop.signal }),
  ]
  await finished(command, ['run', file, '--quiet', ...log])
  await settled(cleanUs)
  stop.abort()
  await Promise.all(reading)
  await closeAll(fetcher, client)
  return quantiles(rawUs, cleanUs)
}

function watch(
  fetcher: Fetcher,
  topic: string,
  { seen, signal }: { seen: Map<string, number>; signal: AbortSignal },
): Promise<void>[] {
  return Array.from({ length: partitions }, async (_, partition) => {
    const place = { topic, partition, offset: 0n, bufferBytes: 2 ** 22, topicId: null }
    const reader = fetcher.open(place)
    while (!signal.aborted) {
      await reader.whenReady(signal)
      const nowUs = clock.monotonicUs()
      for (const { batch } of signal.aborted ? [] : reader.take(Infinity, Infinity)) {
        for (let index = 0; index < batch.count; index++) {
          const { id } = JSON.parse(batch.valueText(index)!) as { id: string }
          if (!seen.has(id)) seen.set(id, nowUs)
        }
      }
    }
    reader.close()
  })
}

async function settled(seen: ReadonlyMap<string, number>): Promise<void> {
  for (let round = 0; round < 100 && seen.size < records; round++) await clock.sleep(50)
}

async function closeAll(fetcher: Fetcher, client: KafkaClient): Promise<void> {
  fetcher.close()
  await client.close()
}

function quantiles(
  rawUs: ReadonlyMap<string, number>,
  cleanUs: ReadonlyMap<string, number>,
): string {
  const delaysMs = [...cleanUs]
    .slice(skipped)
    .map(([id, us]) => (us - rawUs.get(id)!) / 1_000)
    .toSorted((left, right) => left - right)
  const at = (fraction: number) => delaysMs[Math.floor(fraction * delaysMs.length)]!.toFixed(1)
  return `${at(0.5)} / ${at(0.99)} ms`
}

async function finished(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [command, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  if (code !== 0) throw new Error(`millrace ${args[0]} ended with ${String(code)}`)
}
