import { spawn } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RunReport, StageReport } from '../../src/runtime/run-report.ts'
import type { Figure } from './run.ts'

const stages = {
  ingest: `
  - name: ingest
    source:
      file:
        path: ./orders.ndjson
    key: value.user_id
    to: orders.raw`,
  clean: `
  - name: clean
    from: orders.raw
    steps:
      - trim: [country]
      - set:
          country: upper(value.country)
      - cast:
          amount: number
      - require: value.amount != null
      - mask:
          email: sha256
    to: orders.clean`,
  analyze: `
  - name: analyze
    from: orders.clean
    event_time: value.ts
    steps:
      - aggregate:
          window: { tumbling: 10s, grace: 2m }
          by: value.country
          fields:
            count: count()
            sum: sum(value.amount)
            max: max(value.amount)
    to: orders.stats`,
  save: `
  - name: save
    from: orders.stats
    sink:
      file:
        path: ./stats.ndjson`,
} as const

/**
 * The reference workload on the embedded log, through the command line in a process of its own: the
 * clean stage over a topic that holds all orders, then everything from the file to the last result.
 */
export async function benchEngine(
  folder: string,
  workload: { command: string; orders: number },
): Promise<Figure[]> {
  const ingest = await run(workload.command, folder, ['ingest'])
  const clean = await run(workload.command, folder, ['ingest', 'clean'])
  rmSync(join(folder, 'data'), { recursive: true })
  const whole = await run(workload.command, folder, ['ingest', 'clean', 'analyze', 'save'])
  const { orders } = workload
  const perSecond = (seconds: number) => `${Math.round(orders / seconds)} orders/s`
  return [
    { what: 'ingest: file -> keyed topic', value: perSecond(ingest.seconds), aim: '' },
    { what: 'clean: topic -> topic', value: perSecond(clean.seconds), aim: 'aim: 180,000/s' },
    {
      what: '  dead-lettered of these',
      value: String(stage(clean.report, 'clean').dispositions.dead_lettered),
      aim: '',
    },
    {
      what: 'file -> clean -> analyze -> file, process start to end',
      value: perSecond(whole.seconds),
      aim: 'aim: 100,000/s',
    },
    ...[ingest, clean, whole].map(({ peakMb, names }) => ({
      what: `peak memory, ${names.join(' + ')}`,
      value: `${peakMb} MB`,
      aim: 'aim: below 300 MB',
    })),
  ]
}

function stage(report: RunReport, name: string): StageReport {
  return report.pipelines[0]!.stages.find((each) => each.stage === name)!
}

async function run(command: string, folder: string, names: readonly (keyof typeof stages)[]) {
  const file = join(folder, 'orders.yaml')
  writeFileSync(file, `pipeline: orders\nstages:${names.map((name) => stages[name]).join('')}\n`)
  const start = performance.now()
  const child = spawn(
    process.execPath,
    [command, 'run', file, '--data-dir', join(folder, 'data'), '--json', '--quiet'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  let stdout = ''
  let peakMb = 0
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  const watch = setInterval(() => (peakMb = Math.max(peakMb, peakMemoryMb(child.pid!))), 50)
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  clearInterval(watch)
  if (code !== 0) throw new Error(`millrace run ended with ${String(code)}`)
  const seconds = (performance.now() - start) / 1_000
  return { names, seconds, peakMb, report: JSON.parse(stdout) as RunReport }
}

/** The largest resident set that the process has had; 0 where the system does not tell. */
function peakMemoryMb(pid: number): number {
  try {
    const [, kib = '0'] =
      /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return Math.round((Number(kib) * 1_024) / 1e6)
  } catch {
    return 0
  }
}
