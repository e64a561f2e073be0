import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ChannelModel, type ConfirmChannel, connect } from 'amqplib'
import { type RabbitmqServer, startRabbitmq } from '../endpoints/rabbitmq-server.ts'
import type { Figure } from './run.ts'
import { peakMemoryMb } from './timed-run.ts'

/** Orders that wait in the queue when the pipeline is started. */
const messages = 100_000
const largeMessages = 1_000
const largeBytes = 256 * 1024
/** What is sent before the server has confirmed it. */
const fillBytes = 2 * 1024 * 1024
/** Between two looks at the queue. */
const pollMs = 20
const at = { queue: 'bench.in', classic: 'bench.classic', large: 'bench.large', out: 'bench.out' }

interface Bench {
  readonly folder: string
  readonly command: string
  readonly server: RabbitmqServer
  readonly channel: ConfirmChannel
}

/**
 * RabbitMQ on this machine: queues that hold what is read, each message with an id, then the same orders from
 * a topic into a queue.
 */
export async function benchRabbitmq(
  folder: string,
  { command }: { readonly command: string },
): Promise<Figure[]> {
  const server = await startRabbitmq('2GB')
  try {
    const model = await connect(server.url)
    const channel = await model.createConfirmChannel()
    const figures = await measure({ folder, command, server, channel }, model)
    return figures
  } finally {
    await server.stop()
  }
}

async function measure(bench: Bench, model: ChannelModel): Promise<Figure[]> {
  const { channel, folder } = bench
  const orders = readFileSync(join(folder, 'orders.ndjson'), 'utf8').split('\n').slice(0, messages)
  const inAim = 'aim: 20,000/s'
  const figures: Figure[] = []
  for (const [type, queue] of [
    ['quorum', at.queue],
    ['classic', at.classic],
  ] as const) {
    await channel.assertQueue(queue, { arguments: { 'x-queue-type': type } })
    await fill(channel, queue, orders)
    const read = await drained(bench, queue, orders.length)
    figures.push({ what: `RabbitMQ in, ${type} queue`, value: perSecond(read), aim: inAim })
    figures.push({ what: '  peak memory', value: `${read.peakMb} MB`, aim: 'aim: below 300 MB' })
  }
  await channel.assertQueue(at.large, { arguments: { 'x-queue-type': 'classic' } })
  await fill(channel, at.large, largeBodies())
  const large = await drained(bench, at.large, largeMessages)
  const what = `RabbitMQ in, ${largeMessages} messages of 256 KiB: peak memory`
  figures.push({ what, value: `${large.peakMb} MB`, aim: 'aim: below 512 MB' })
  const written = await published(bench, orders.length)
  figures.push({ what: 'RabbitMQ out, quorum queue', value: perSecond(written), aim: '' })
  figures.push({ what: '  peak memory', value: `${written.peakMb} MB`, aim: 'aim: below 300 MB' })
  await model.close()
  return figures
}

function* largeBodies(): Generator<string> {
  const text = 'x'.repeat(largeBytes)
  for (let n = 0; n < largeMessages; n++) yield `{"n":${n},"text":"${text}"}`
}

async function fill(channel: ConfirmChannel, queue: string, bodies: Iterable<string>) {
  let n = 0
  let bytes = 0
  for (const body of bodies) {
    n += 1
    bytes += body.length
    channel.sendToQueue(queue, Buffer.from(body), { persistent: true, messageId: `${queue}-${n}` })
    if (bytes < fillBytes) continue
    await channel.waitForConfirms()
    bytes = 0
  }
  await channel.waitForConfirms()
}

interface Measured {
  readonly count: number
  readonly seconds: number
  readonly peakMb: number
}

function perSecond({ count, seconds }: Measured): string {
  return `${Math.round(count / seconds)} messages/s`
}

/** From the first message that leaves the queue until it is empty. */
async function drained(bench: Bench, queue: string, count: number): Promise<Measured> {
  const source = `source:\n      rabbitmq: { connection: main, queue: ${queue}, declare: passive }`
  const run = start(bench, queue, `  - name: read\n    ${source}\n    to: ${queue}.raw\n`)
  const ready = async () => (await bench.channel.checkQueue(queue)).messageCount
  while ((await ready()) === count) await sleep(1)
  const from = performance.now()
  while ((await ready()) > 0) await sleep(pollMs)
  const seconds = (performance.now() - from) / 1_000
  return { count, seconds, peakMb: await ended(run, 'SIGTERM') }
}

/** From the file through a topic into a queue, from the first message there to the end. */
async function published(bench: Bench, count: number): Promise<Measured> {
  const { channel } = bench
  await channel.assertQueue(at.out, { arguments: { 'x-queue-type': 'quorum' } })
  const input = `  - name: ingest\n    source:\n      file: ./orders.ndjson\n    to: out.raw\n`
  const ingest = start(bench, 'out', input)
  await ended(ingest, null)
  const sink = `sink:\n      rabbitmq: { connection: main, queue: ${at.out} }`
  const run = start(bench, 'out', `${input}  - name: write\n    from: out.raw\n    ${sink}\n`)
  const ready = async () => (await channel.checkQueue(at.out)).messageCount
  while ((await ready()) === 0) await sleep(1)
  const from = performance.now()
  while ((await ready()) < count) await sleep(pollMs)
  const seconds = (performance.now() - from) / 1_000
  return { count, seconds, peakMb: await ended(run, 'SIGTERM') }
}

interface Run {
  readonly child: ChildProcess
  readonly over: Promise<number | null>
}

function start({ folder, command, server }: Bench, name: string, stages: string): Run {
  const file = join(folder, `${name}.yaml`)
  const connection = `    host: 127.0.0.1\n      port: ${server.port}\n      user: ${server.user}`
  const password = '      password: ${secret:BENCH_PASSWORD}'
  const main = `connections:\n  main:\n    rabbitmq:\n  ${connection}\n${password}\n`
  writeFileSync(file, `pipeline: bench-${name.replaceAll('.', '-')}\n${main}stages:\n${stages}`)
  const args = [command, 'run', file, '--data-dir', join(folder, name), '--quiet']
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, BENCH_PASSWORD: server.password },
  })
  const over = new Promise<number | null>((resolve) => child.on('close', resolve))
  return { child, over }
}

/** @returns the largest resident set, MB. */
async function ended({ child, over }: Run, signal: 'SIGTERM' | null): Promise<number> {
  const peakMb = peakMemoryMb(child.pid!)
  if (signal !== null) child.kill(signal)
  const code = await over
  if (code !== 0) throw new Error(`millrace run ended with ${String(code)}`)
  return peakMb
}
