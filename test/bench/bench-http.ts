import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Figure } from './run.ts'

const connections = 64
const warmUpSeconds = 4
const seconds = 8
/** Of the sink that is slower than its source. */
const slow = { sourcePerSecond: 20_000, recordsPerRequest: 100, answerMs: 50, seconds: 24 } as const

/** Requests that are durable before they are answered, and what a slow sink costs in memory. */
export async function benchHttp(
  folder: string,
  { command }: { readonly command: string },
): Promise<Figure[]> {
  return [...(await benchSource(folder, command)), ...(await benchSlowSink(folder, command))]
}

interface Load {
  readonly perSecond: number
  readonly refused: number
  readonly p50: number
  readonly p99: number
}

async function benchSource(folder: string, command: string): Promise<Figure[]> {
  const port = await aFreePort()
  const pipeline = [
    'pipeline: taken',
    'stages:',
    '  - name: ingest',
    '    source:',
    '      http:',
    '        path: /orders',
    `        port: ${port}`,
    '    key: value.user_id',
    '    to: orders.raw',
  ]
  const run = begin(folder, { command, name: 'taken', pipeline })
  await untilListening(port, run)
  const args = [port, connections, warmUpSeconds, seconds].map(String)
  const load = spawn(process.execPath, [join(import.meta.dirname, 'http-load.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  load.stdout.setEncoding('utf8').on('data', (part: string) => (text += part))
  await once(load, 'close')
  const peakMb = memoryMb(run, 'VmHWM')
  await end(run)
  const { perSecond, refused, p50, p99 } = JSON.parse(text) as Load
  const others = refused === 0 ? '' : `, ${refused} refused`
  return [
    {
      what: `http source, ${connections} connections, one record each`,
      value: `${Math.round(perSecond)} durable/s${others}`,
      aim: 'aim: 15,000/s',
    },
    {
      what: '  time to the answer, p50 and p99',
      value: `${p50.toFixed(1)}, ${p99.toFixed(1)} ms`,
      aim: '',
    },
    { what: '  peak memory', value: `${peakMb} MB`, aim: 'aim: below 300 MB' },
  ]
}

/** A source that makes ten times as much as its sink can send: what waits has to be on the disk. */
async function benchSlowSink(folder: string, command: string): Promise<Figure[]> {
  const server = createHttpServer((request, response) => {
    request.resume()
    request.on('end', () => setTimeout(() => response.end(), slow.answerMs))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const pipeline = [
    'pipeline: slow',
    'topics:',
    '  made:',
    '    partitions: 1',
    'stages:',
    '  - name: make',
    '    source:',
    '      generate:',
    `        rate: ${slow.sourcePerSecond}/s`,
    '        template:',
    '          id:',
    '            $sequence: 1',
    `          text: ${'x'.repeat(200)}`,
    '    to: made',
    '  - name: send',
    '    from: made',
    '    sink:',
    '      http:',
    `        url: http://127.0.0.1:${(server.address() as AddressInfo).port}/in`,
    '        concurrency: 1',
    '        batch:',
    `          records: ${slow.recordsPerRequest}`,
  ]
  const run = begin(folder, { command, name: 'slow', pipeline })
  const samples: number[] = []
  for (let second = 0; second < slow.seconds; second++) {
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    samples.push(memoryMb(run, 'VmRSS'))
  }
  const peakMb = memoryMb(run, 'VmHWM')
  await end(run)
  server.closeAllConnections()
  server.close()
  const third = slow.seconds / 3
  const [early, late] = [
    Math.max(...samples.slice(third, 2 * third)),
    Math.max(...samples.slice(-third)),
  ]
  return [
    {
      what: 'memory with a sink ten times slower than its source',
      value: `${early} MB, then ${late} MB`,
      aim: 'aim: flat',
    },
    { what: '  peak memory', value: `${peakMb} MB`, aim: 'aim: below 300 MB' },
  ]
}

function begin(
  folder: string,
  of: { readonly command: string; readonly name: string; readonly pipeline: readonly string[] },
): ChildProcess {
  const file = join(folder, `${of.name}.yaml`)
  writeFileSync(file, `${of.pipeline.join('\n')}\n`)
  const args = ['run', file, '--data-dir', join(folder, `data-${of.name}`), '--quiet']
  return spawn(process.execPath, [of.command, ...args], { stdio: ['ignore', 'ignore', 'inherit'] })
}

async function end(run: ChildProcess): Promise<void> {
  const closed = once(run, 'close')
  run.kill('SIGTERM')
  await closed
}

async function untilListening(port: number, run: ChildProcess): Promise<void> {
  for (;;) {
    if (run.exitCode !== null) throw new Error(`millrace run ended with ${run.exitCode}`)
    const { status } = spawnSync('curl', ['-s', '-o', '/dev/null', `http://127.0.0.1:${port}/`])
    if (status === 0) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function aFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function memoryMb({ pid }: ChildProcess, field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kib = Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0)
  return Math.round((kib * 1_024) / 1e6)
}
