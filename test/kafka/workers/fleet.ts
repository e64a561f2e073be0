import { readFileSync } from 'node:fs'
import { createSystemClock } from '../../../src/clock/system-clock.ts'
import type { RunReport } from '../../../src/runtime/run-report.ts'
import { CliProcess, type CliResult, Workspace } from '../../e2e/cli-process.ts'
import { consumeAll } from '../java/kafka-tool.ts'
import type { Expected } from './oracle.ts'
import type { Workload } from './workload.ts'

export const clock = createSystemClock()

/** Pipelines of tests that run on the same brokers, also one run after the other. */
export function uniqueName(base: string): string {
  return `${base}-${clock.wallMs().toString(36)}`
}

export interface FleetOptions {
  readonly workload: Pick<Workload, 'file' | 'name'>
  readonly address: string
  readonly sessionTimeoutMs: number
  /** By the number of the worker: more than all of them have. */
  readonly env?: (worker: number) => Readonly<Record<string, string>>
}

/** One worker, started by hand as a user would on one of several machines. */
export class TestWorker {
  readonly number: number
  readonly process: CliProcess

  constructor(number: number, process: CliProcess) {
    this.number = number
    this.process = process
  }

  get ended(): Promise<CliResult> {
    return this.process.ended
  }

  get isRunning(): boolean {
    const { exitCode, signalCode } = this.process.child
    return exitCode === null && signalCode === null
  }

  /** The most memory that it has had so far, MB; NaN where that cannot be told. */
  get peakMb(): number {
    try {
      const status = readFileSync(`/proc/${this.process.child.pid}/status`, 'utf8')
      return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) / 1_024
    } catch {
      return Number.NaN
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.process.child.kill(signal)
  }

  /** Asks it to stop; returns how long it took. */
  async stop(): Promise<{ readonly result: CliResult; readonly tookMs: number }> {
    const startUs = clock.monotonicUs()
    this.kill('SIGTERM')
    const result = await this.ended
    return { result, tookMs: (clock.monotonicUs() - startUs) / 1_000 }
  }
}

/** Workers of one pipeline; all of them end with the test. */
export class Fleet {
  readonly workspace: Workspace
  readonly all: TestWorker[] = []
  readonly #options: FleetOptions

  constructor(options: FleetOptions) {
    this.#options = options
    this.workspace = new Workspace({ 'pipeline.yaml': options.workload.file })
  }

  get running(): readonly TestWorker[] {
    return this.all.filter(({ isRunning }) => isRunning)
  }

  /** @param args more than those of all workers. */
  start(...args: readonly string[]): TestWorker {
    const number = this.all.length + 1
    const { address, sessionTimeoutMs, env = () => ({}) } = this.#options
    const log = ['--log', `kafka://${address}`, '--data-dir', `data-${number}`]
    const process = new CliProcess(
      ['run', 'pipeline.yaml', ...log, '--json', '--threads', '0', ...args],
      {
        cwd: this.workspace.folder,
        env: { MILLRACE_KAFKA_SESSION_TIMEOUT: `${sessionTimeoutMs}ms`, ...env(number) },
      },
    )
    const worker = new TestWorker(number, process)
    this.all.push(worker)
    return worker
  }

  /** Stops all that run. @returns what each of them says it has done, if it could. */
  async stopAll(): Promise<{
    readonly results: readonly CliResult[]
    readonly reports: readonly RunReport[]
  }> {
    const stopped = await Promise.all(this.running.map((worker) => worker.stop()))
    const results = stopped.map(({ result }) => result)
    const reports = results.filter(({ stdout }) => stdout !== '').map(({ stdout }) => stdout)
    return { results, reports: reports.map((text) => JSON.parse(text) as RunReport) }
  }

  /** What they are waited for can only come while one of them runs. */
  assertRunning(): void {
    if (this.running.length === 0) throw new Error(`no worker runs\n${this.said}`)
  }

  /** What the workers wrote to stderr, for messages of tests that fail. */
  get said(): string {
    return this.all.map(({ number, process }) => `worker ${number}:\n${process.stderr}`).join('\n')
  }

  [Symbol.dispose](): void {
    this.workspace.remove()
  }
}

/** Tasks that a worker has run, by its report, and how many there are. */
export function tasksRun({ pipelines }: RunReport): { ids: string[]; all: number } {
  const stages = pipelines.flatMap((pipeline) => pipeline.stages)
  return {
    ids: stages.flatMap((stage) => stage.tasksRun),
    all: stages.reduce((sum, { tasks }) => sum + tasks, 0),
  }
}

/** A worker says so when it has got its tasks. */
export function hasTasks({ stderr }: CliProcess): boolean {
  return /this worker runs \d+ of \d+ tasks/.test(stderr)
}

const pollMs = 500
const someRecords = 2_000

/** Resolves when all windows are closed and their results can be read; throws after `withinMs`. */
export async function untilComplete(
  workload: Workload,
  options: {
    readonly address: string
    readonly expected: Expected
    readonly withinMs: number
    readonly fleet: Fleet
  },
): Promise<void> {
  const { address, expected, withinMs, fleet } = options
  const ends = ['totals', 'countries'] as const
  let missing: string[] = []
  await untilTrue(
    async () => {
      fleet.assertRunning()
      const counts = await Promise.all(ends.map((end) => countOf(address, workload.topic(end))))
      missing = ends.flatMap((end, index) => {
        const all = expected.written[end].length
        return counts[index]! < all ? [`${counts[index]} of ${all} ${end}`] : []
      })
      return missing.length === 0
    },
    {
      withinMs,
      otherwise: () => `the results are not complete: ${missing.join(', ')}\n${fleet.said}`,
    },
  )
}

/** Resolves once the workers are in the middle of their work. */
export async function untilAtWork(
  workload: Workload,
  { address, fleet }: { readonly address: string; readonly fleet: Fleet },
): Promise<void> {
  await untilTrue(
    async () => {
      fleet.assertRunning()
      return (await countOf(address, workload.topic('clean'))) > someRecords
    },
    { withinMs: 30_000, otherwise: () => fleet.said },
  )
}

/** Records that can be read, without waiting for transactions that are open. */
export async function countOf(address: string, topic: string): Promise<number> {
  try {
    const isolation = 'read_committed' as const
    return (await consumeAll(address, topic, { isolation, waitMs: 0 })).length
  } catch (error) {
    // There is no such topic before the first worker has made it.
    if (String(error).includes('no topic')) return 0
    throw error
  }
}

export async function untilTrue(
  holds: () => Promise<boolean> | boolean,
  { withinMs, otherwise }: { readonly withinMs: number; readonly otherwise: () => string },
): Promise<void> {
  const deadlineUs = clock.monotonicUs() + 1_000 * withinMs
  while (!(await holds())) {
    if (clock.monotonicUs() > deadlineUs) throw new Error(otherwise())
    await clock.sleep(pollMs)
  }
}
