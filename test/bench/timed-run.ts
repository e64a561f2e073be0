import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RunReport } from '../../src/runtime/run-report.ts'

export const orderStages = {
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
  exec: `
  - name: exec
    from: orders.raw
    steps:
      - exec: { argv: [${process.execPath}, ./echo.mjs] }
    to: orders.exec`,
  module: `
  - name: module
    from: orders.raw
    steps:
      - module: ./seen.mjs
    to: orders.module`,
  lookup: `
  - name: lookup
    from: orders.raw
    steps:
      - lookup: { table: countries, on: value.country, into: about }
    to: orders.lookup`,
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

export type OrderStage = keyof typeof orderStages

export interface TimedRun {
  readonly command: string
  readonly folder: string
  readonly names: readonly OrderStage[]
  /** How the log is named on the command line. */
  readonly log: readonly string[]
  /** Settings of all stages that have none of their own. */
  readonly defaults?: string
}

export interface Timed {
  readonly names: readonly OrderStage[]
  /** From the start of the process to its end. */
  readonly seconds: number
  readonly peakMb: number
  readonly report: RunReport
}

/** Runs stages of the reference workload through the command line, in a process of its own. */
export async function timedRun({
  command,
  folder,
  names,
  log,
  defaults = '',
}: TimedRun): Promise<Timed> {
  const file = join(folder, 'orders.yaml')
  const body = names.map((name) => orderStages[name]).join('')
  writeFileSync(file, `pipeline: orders\n${defaults}stages:${body}\n`)
  return { names, ...(await timedFile({ command, file, log })) }
}

/** Runs a pipeline file to its end. */
export async function timedFile({
  command,
  file,
  log,
  env = {},
}: Pick<TimedRun, 'command' | 'log'> & {
  readonly file: string
  readonly env?: Readonly<Record<string, string>>
}): Promise<Omit<Timed, 'names'>> {
  const start = performance.now()
  const child = spawn(process.execPath, [command, 'run', file, ...log, '--json', '--quiet'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  })
  let stdout = ''
  let peakMb = 0
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  const watch = setInterval(() => (peakMb = Math.max(peakMb, peakMemoryMb(child.pid!))), 50)
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  clearInterval(watch)
  if (code !== 0) throw new Error(`millrace run ended with ${String(code)}`)
  const seconds = (performance.now() - start) / 1_000
  return { seconds, peakMb, report: JSON.parse(stdout) as RunReport }
}

/** The largest resident set that the process has had; 0 where the system does not tell. */
export function peakMemoryMb(pid: number): number {
  try {
    const [, kib = '0'] =
      /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return Math.round((Number(kib) * 1_024) / 1e6)
  } catch {
    return 0
  }
}
