import { setTimeout as sleep } from 'node:timers/promises'
import { CliProcess, Workspace, type CliOptions } from '../../e2e/cli-process.ts'
import { consumeAll, createTopicWithJava, type JavaRecord } from '../java/kafka-tool.ts'

const pauseMs = 50
const waitMs = 45_000

/** The block of a pipeline file by which it names a cluster, called `main`. */
export function connections(address: string, more = ''): string {
  return `connections:\n  main:\n    kafka:\n      brokers: ${address}\n${more}`
}

/** `copy`: from a topic to another one, on the embedded log. */
export function copyPipeline(
  address: string,
  {
    source = 'topics: in',
    sink = 'topic: out',
    more = '',
  }: { source?: string; sink?: string; more?: string } = {},
): string {
  const setting = (lines: string) => lines.replaceAll(/\n? *([^\n]+)/g, '\n        $1').trimStart()
  return `pipeline: copy
${connections(address, more)}stages:
  - name: read
    source:
      kafka:
        connection: main
        ${setting(source)}
    to: copy.raw
  - name: write
    from: copy.raw
    sink:
      kafka:
        connection: main
        ${setting(sink)}
`
}

/** A folder with the pipeline, in which `run` starts it, again and again with the same log. */
export class PipelineFolder {
  readonly #workspace: Workspace

  constructor(pipeline: string, files: Readonly<Record<string, string>> = {}) {
    this.#workspace = new Workspace({ 'pipeline.yaml': pipeline, ...files })
  }

  path(name: string): string {
    return this.#workspace.path(name)
  }

  write(name: string, content: string): void {
    this.#workspace.write(name, content)
  }

  lines(name: string): string[] {
    return this.#workspace.lines(name)
  }

  run(args: readonly string[] = [], options: Partial<CliOptions> = {}): CliProcess {
    return this.command(['run', 'pipeline.yaml', ...args], options)
  }

  command(args: readonly string[], options: Partial<CliOptions> = {}): CliProcess {
    return new CliProcess(args, { cwd: this.#workspace.folder, ...options })
  }

  remove(): void {
    this.#workspace.remove()
  }
}

/** Waits until it is so; a test that waits too long fails with what it waited for. */
export async function eventually(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + waitMs
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`it did not come to be in time: ${what}`)
    await sleep(pauseMs)
  }
}

/** All records of a topic, once there is one and it has as many; `run` is who writes them. */
export async function recordsOf(
  address: string,
  topic: string,
  { count, run }: { readonly count: number; readonly run?: CliProcess },
): Promise<readonly JavaRecord[]> {
  let found: readonly JavaRecord[] = []
  await eventually(`${count} records in ${topic}`, async () => {
    if (run !== undefined && run.child.exitCode !== null) throw new Error(run.stderr)
    try {
      found = await consumeAll(address, topic, { isolation: 'read_committed' })
    } catch (error) {
      if (!String(error).includes('there is no topic')) throw error
    }
    return found.length >= count
  })
  return found
}

export async function createTopics(
  address: string,
  topics: Readonly<Record<string, number>>,
  config: Readonly<Record<string, string>> = {},
): Promise<void> {
  for (const [name, partitions] of Object.entries(topics)) {
    await createTopicWithJava(address, { name, partitions, config })
  }
}

export async function stopped(run: CliProcess): Promise<number | null> {
  run.child.kill('SIGTERM')
  return (await run.ended).code
}

/** For lists whose order says nothing. */
export function byText(left: unknown, right: unknown): number {
  const [first, second] = [JSON.stringify(left), JSON.stringify(right)]
  return first === second ? 0 : first < second ? -1 : 1
}

export function text(bytes: Buffer | null): string | null {
  return bytes === null ? null : bytes.toString('utf8')
}
