import { spawn } from 'node:child_process'
import { cpSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSystemClock } from '../../src/clock/system-clock.ts'
import { RecordBatchBuilder } from '../../src/core/record-batch-builder.ts'
import { encodeHeaders } from '../../src/core/record-batch.ts'
import { openEmbeddedLog } from '../../src/logs/embedded/open-embedded-log.ts'
import { startOtlpReceiver } from '../telemetry/otlp-receiver.ts'
import { referenceOrders } from './reference-orders.ts'
import type { Figure } from './run.ts'

const pairs = Number(process.env['PAIRS'] ?? 7)
const sliceRecords = 2_000

const pipeline = (rate: string) => `pipeline: orders
tracing: { rate: ${rate} }
topics: { orders.raw: { partitions: 4 } }
stages:
  - name: ingest
    source: { generate: { count: 1, template: { x: 1 } } }
    to: orders.raw
  - name: clean
    from: orders.raw
    steps:
      - trim: [country]
      - set: { country: upper(value.country) }
      - cast: { amount: number }
      - require: value.amount != null
      - mask: { email: sha256 }
    to: orders.clean
`

interface Variant {
  readonly what: string
  readonly rate: string
  readonly traces: boolean
  readonly contexts: boolean
  readonly collector: 'ok' | 'hang' | 'down'
  readonly aim: string
}

const on = { rate: '5/s', traces: true, contexts: false, collector: 'ok' } as const
const variants: readonly Variant[] = [
  { ...on, what: 'default sampling', aim: 'aim: at most 3 %' },
  {
    ...on,
    what: 'default sampling, the collector hangs',
    collector: 'hang',
    aim: 'aim: at most 3 %',
  },
  {
    ...on,
    what: 'default sampling, the collector is down',
    collector: 'down',
    aim: 'aim: at most 3 %',
  },
  { ...on, what: 'rate: all', rate: 'all', aim: 'aim: below 10 %' },
  {
    ...on,
    what: 'each record comes with a sampled context',
    contexts: true,
    aim: 'aim: below 10 %',
  },
]

/**
 * What tracing costs the clean stage, over a topic that holds all orders: CPU seconds of the process
 * (wall time says little on a machine that others use), in pairs of a run without spans and one with.
 */
export async function benchTracing(
  folder: string,
  { command, orders }: { command: string; orders: number },
): Promise<Figure[]> {
  const inputs = { plain: join(folder, 'plain'), traced: join(folder, 'traced') }
  await fill(inputs.plain, orders, false)
  await fill(inputs.traced, orders, true)
  const figures: Figure[] = []
  for (const variant of variants) {
    const input = variant.contexts ? inputs.traced : inputs.plain
    const ratios: number[] = []
    let seconds = 0
    let spans = 0
    for (let pair = 0; pair < pairs; pair++) {
      const run = (traces: boolean) =>
        cpuSeconds({ folder, command, input }, { ...variant, traces })
      // Who goes first changes from pair to pair.
      const first = await run(pair % 2 === 0)
      const second = await run(pair % 2 !== 0)
      const [withSpans, without] = pair % 2 === 0 ? [first, second] : [second, first]
      ratios.push(withSpans.seconds / without.seconds - 1)
      seconds = without.seconds
      spans = withSpans.spans
    }
    ratios.sort((a, b) => a - b)
    const percent = (ratio: number) => `${(100 * ratio).toFixed(1)} %`
    figures.push({
      what: `tracing, ${variant.what}`,
      value: `${percent(ratios[Math.floor(ratios.length / 2)]!)} CPU`,
      aim: `${variant.aim}; ${percent(ratios[0]!)} to ${percent(ratios.at(-1)!)} of ${seconds.toFixed(2)} s, ${spans} spans`,
    })
  }
  return figures
}

async function cpuSeconds(
  { folder, command, input }: { folder: string; command: string; input: string },
  { rate, traces, collector }: Variant,
): Promise<{ seconds: number; spans: number }> {
  const data = join(folder, 'data')
  rmSync(data, { recursive: true, force: true })
  cpSync(input, data, { recursive: true })
  const file = join(folder, 'orders.yaml')
  writeFileSync(file, pipeline(rate))
  const receiver = await startOtlpReceiver()
  if (collector === 'hang') receiver.mood = 'hang'
  const endpoint = collector === 'down' ? 'http://127.0.0.1:1' : receiver.url
  const env = traces ? { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_METRICS_EXPORTER: 'none' } : {}
  const args = [command, 'run', file, '--data-dir', data, '--quiet', '--log-level', 'error']
  const shell = 'TIMEFORMAT="%U %S"; time "$@"'
  const child = spawn('bash', ['-c', shell, '_', process.execPath, ...args, '--threads', '0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'], ...env },
  })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  const spans = receiver.spans.length
  await receiver.close()
  if (code !== 0) throw new Error(`millrace run ended with ${String(code)}: ${stderr}`)
  const [user = 0, system = 0] = stderr.trim().split('\n').at(-1)!.split(' ').map(Number)
  return { seconds: user + system, spans }
}

/** A topic with the orders, as a producer outside wrote them, with a context of its own on each or none. */
async function fill(dataDirectory: string, orders: number, contexts: boolean): Promise<void> {
  const clock = createSystemClock()
  const log = await openEmbeddedLog({ directory: dataDirectory, clock, notice: () => {} })
  const topic = 'orders.raw'
  await log.admin.ensureTopics([{ name: topic, partitions: 4, retentionMs: null }])
  const task = await log.openTask({
    id: 'outside/0',
    group: 'outside',
    inputs: [],
    start: 'earliest',
  })
  const builder = new RecordBatchBuilder('')
  let partition = 0
  let at = 0
  const flush = async () => {
    if (builder.count === 0) return
    await task.commit({
      outputs: [{ topic, partition, batch: builder.finish() }],
      state: [],
      next: [],
    })
    partition = (partition + 1) % 4
  }
  for (const { text } of referenceOrders(orders)) {
    at += 1
    const id = at.toString(16).padStart(16, '0')
    const parent = `00-${id}${id}-${id}-01`
    const headers = encodeHeaders(contexts ? [['traceparent', parent]] : [])
    const ingestUs = clock.monotonicUs()
    const times = {
      timestampMs: clock.wallMs(),
      eventTimeMs: Number.NaN,
      ingestUs,
      waitUs: 0,
      runUs: 0,
    }
    builder.append({ key: `u${at % 1_000}`, value: text, headers, times })
    if (builder.count === sliceRecords) await flush()
  }
  await flush()
  await task.close()
  await log.close()
}
