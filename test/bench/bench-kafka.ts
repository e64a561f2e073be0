import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { startBroker } from '../kafka/broker/start-broker.ts'
import { benchKafkaLatency } from './bench-kafka-latency.ts'
import type { Figure } from './run.ts'
import { timedRun, type OrderStage } from './timed-run.ts'

/** By delivery: what the clean stage is to reach, and the latency of one record through it. */
const modes = [
  { delivery: 'at_least_once', aim: 'aim: 130,000/s', latencyAim: 'aim: p99 below 10 ms' },
  { delivery: 'exactly_once', aim: 'aim: 100,000/s', latencyAim: 'aim: p99 below 60 ms' },
] as const

/**
 * The reference workload on a Kafka broker on this machine, by one worker, over a topic that holds all
 * orders: the clean stage; clean and analyze together. Then 2,000 orders a second, as they come.
 */
export async function benchKafka(
  folder: string,
  workload: { command: string; orders: number },
): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const mode of modes) figures.push(...(await benchMode(folder, workload, mode)))
  return figures
}

/** On a broker of its own: what one mode leaves is nothing to the other. */
async function benchMode(
  folder: string,
  { command, orders }: { command: string; orders: number },
  { delivery, aim, latencyAim }: (typeof modes)[number],
): Promise<Figure[]> {
  const broker = await startBroker({ own: true })
  try {
    const { clean, chain } = await throughput(folder, broker.address, { command, delivery })
    const latency = await benchKafkaLatency(folder, broker.address, { command, delivery })
    const perSecond = (seconds: number) => `${Math.round(orders / seconds)} orders/s`
    return [
      { what: `Kafka, clean, ${delivery}`, value: perSecond(clean.seconds), aim },
      { what: '  peak memory', value: `${clean.peakMb} MB`, aim: 'aim: below 350 MB' },
      {
        what: `Kafka, clean -> analyze, ${delivery}`,
        value: perSecond(chain.seconds),
        aim: 'aim: 60,000/s',
      },
      { what: '  peak memory', value: `${chain.peakMb} MB`, aim: '' },
      { what: '  latency of clean at 2,000/s, p50 / p99', value: latency, aim: latencyAim },
    ]
  } finally {
    await broker.stop()
  }
}

async function throughput(
  folder: string,
  address: string,
  { command, delivery }: { command: string; delivery: string },
) {
  const own = join(folder, delivery)
  mkdirSync(own)
  cpSync(join(folder, 'orders.ndjson'), join(own, 'orders.ndjson'))
  const log = ['--log', `kafka://${address}`, '--data-dir', join(own, 'data')]
  const defaults = `defaults: { delivery: ${delivery} }
topics:
  orders.raw: { partitions: 4 }
  orders.clean: { partitions: 4 }
`
  const run = (fresh: readonly string[], ...names: OrderStage[]) =>
    timedRun({ command, folder: own, names, log: [...log, ...fresh], defaults })
  const fresh = ['--fresh', '--yes']
  await run(fresh, 'ingest')
  const clean = await run([], 'ingest', 'clean')
  await run(fresh, 'ingest')
  const chain = await run([], 'ingest', 'clean', 'analyze')
  return { clean, chain }
}
