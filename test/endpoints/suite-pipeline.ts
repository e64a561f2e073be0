import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { CliProcess, Workspace } from '../e2e/cli-process.ts'

const pollMs = 25
const waitMs = 45_000

/** A connector in a pipeline file. */
export interface ConnectorSettings {
  /** What stands below `connections:`; none where it needs no connection. */
  readonly connections?: readonly string[]
  /** What stands below `source:` or `sink:`. */
  readonly settings: readonly string[]
  /** Variables and secrets of the process. */
  readonly env?: Readonly<Record<string, string>>
}

/** From a file through a topic of one partition to the sink, with its dead letters in a file. */
export function sinkPipeline({ connections = [], settings }: ConnectorSettings): string {
  return [
    'pipeline: suite',
    ...(connections.length === 0 ? [] : ['connections:', ...indented(connections, 2)]),
    ...['topics:', '  suite.raw: { partitions: 1 }', '  suite.write.dlq: { partitions: 1 }'],
    ...[
      'stages:',
      '  - name: read',
      '    source:',
      '      file: ./in.ndjson',
      '    key: value.key',
    ],
    ...[
      '    to: suite.raw',
      '  - name: write',
      '    from: suite.raw',
      '    retry:',
      '      max: 2',
    ],
    ...['    sink:', ...indented(settings, 6), ...deadLetters('write')],
  ].join('\n')
}

/** From the source through a topic of one partition to a file that has each record once. */
export function sourcePipeline({ connections = [], settings }: ConnectorSettings): string {
  return [
    'pipeline: suite',
    ...(connections.length === 0 ? [] : ['connections:', ...indented(connections, 2)]),
    ...['topics:', '  suite.raw: { partitions: 1 }', '  suite.read.dlq: { partitions: 1 }'],
    ...['stages:', '  - name: read', '    source:', ...indented(settings, 6), '    to: suite.raw'],
    ...['  - name: write', '    from: suite.raw', '    sink:', '      file: ./out.ndjson'],
    ...deadLetters('read'),
  ].join('\n')
}

function deadLetters(stage: string): string[] {
  return [
    ...['  - name: bad', `    from: suite.${stage}.dlq`, '    steps:'],
    ...['      - parse:', '          format: text', '      - set:'],
    ...[
      `          code: headers['millrace-dlq-code']`,
      `          message: headers['millrace-dlq-message']`,
    ],
    ...['    sink:', '      file: ./bad.ndjson'],
  ]
}

function indented(lines: readonly string[], width: number): string[] {
  return lines.map((line) => `${' '.repeat(width)}${line}`)
}

export interface DeadLetter {
  /** The original bytes as text. */
  readonly line: string
  readonly code: string
  readonly message: string
}

/** A folder with the pipeline, in which it is run again and again over one embedded log. */
export class SuitePipeline {
  readonly #workspace: Workspace
  readonly #env: Readonly<Record<string, string>>

  constructor(pipeline: string, { env = {} }: Pick<ConnectorSettings, 'env'>) {
    this.#workspace = new Workspace({ 'pipeline.yaml': pipeline, 'in.ndjson': '' })
    this.#env = env
  }

  input(values: readonly unknown[]): void {
    const lines = values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value)))
    this.#workspace.write('in.ndjson', lines.map((line) => `${line}\n`).join(''))
  }

  start(args: readonly string[] = []): CliProcess {
    const { folder } = this.#workspace
    return new CliProcess(['run', 'pipeline.yaml', ...args], { cwd: folder, env: this.#env })
  }

  /** Runs to the end of a bounded source; throws what it said when that is no success. */
  async run(): Promise<void> {
    const { code, stderr } = await this.start().ended
    if (code !== 0) throw new Error(`it ended with ${code}: ${stderr}`)
  }

  /** What the file sink has written so far. */
  output(): unknown[] {
    return this.#json('out.ndjson')
  }

  deadLetters(): DeadLetter[] {
    return this.#json('bad.ndjson') as DeadLetter[]
  }

  remove(): void {
    this.#workspace.remove()
  }

  #json(name: string): unknown[] {
    try {
      // A line that is being written has no end yet.
      const lines = readFileSync(this.#workspace.path(name), 'utf8').split('\n').slice(0, -1)
      return lines.map((line) => JSON.parse(line) as unknown)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw error
    }
  }
}

/** Waits until it is so; a test that waits too long fails with what it waited for. */
export async function eventually(
  what: string,
  isSo: () => Promise<boolean> | boolean,
): Promise<void> {
  const end = performance.now() + waitMs
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`it did not come to be in time: ${what}`)
    await sleep(pollMs)
  }
}

/** Ends a run in an orderly way. @returns its exit code, and how long that took, ms. */
export async function stop(run: CliProcess): Promise<{ code: number | null; tookMs: number }> {
  const start = performance.now()
  run.child.kill('SIGTERM')
  const { code } = await run.ended
  return { code, tookMs: performance.now() - start }
}

export async function kill(run: CliProcess): Promise<void> {
  run.child.kill('SIGKILL')
  await run.ended
}

/** Resident memory of a run, bytes. */
export function memoryOf(run: CliProcess): number {
  const status = readFileSync(`/proc/${run.child.pid}/status`, 'utf8')
  return 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0)
}
