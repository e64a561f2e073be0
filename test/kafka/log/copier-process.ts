import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { consumeAll } from '../java/kafka-tool.ts'
import { copierTask, countedKeys, feederTask, type CopierOptions } from './copier.ts'
import { openLog } from './kafka-log-fixture.ts'

const script = fileURLToPath(new URL('./copier.ts', import.meta.url))

export interface Copier {
  readonly child: ChildProcess
  /** All it said so far, line by line. */
  readonly lines: string[]
  /** Resolves with the signal or exit code that ended it. */
  readonly ended: Promise<string | number>
}

export function startCopier(options: CopierOptions): Copier {
  const args = [script, JSON.stringify(options)]
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines: string[] = []
  let rest = ''
  child.stdout.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
  })
  const ended = once(child, 'close').then(([code, signal]: (string | number)[]) => signal ?? code!)
  return { child, lines, ended }
}

/** The values in a topic, as Kafka's own consumer reads them. */
export async function valuesIn(brokers: string, topic: string): Promise<string[]> {
  const records = await consumeAll(brokers, topic, { isolation: 'read_committed' })
  return records.map(({ value }) => value!.toString())
}

export interface CopierState {
  /** Batches that the feeder says it has written. */
  readonly fed: number
  /** Records that the copier says it has counted, by key. */
  readonly counts: ReadonlyMap<string, number>
  readonly position: bigint
}

/** What a worker finds that goes on after the copier. */
export async function stateOf(
  brokers: string,
  name: string,
  directory: string | null = null,
): Promise<CopierState> {
  const log = await openLog(brokers, directory === null ? {} : { directory })
  try {
    const [entry] = await (await log.openTask(feederTask(name))).restore()
    const copier = await log.openTask(copierTask(name))
    const entries = await copier.restore()
    return {
      fed: Number(entry?.value ?? 0),
      counts: new Map(entries.map(({ key, value }) => [key, Number(value)])),
      position: copier.positions[0]!,
    }
  } finally {
    await log.close()
  }
}

export function expectedValues(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `v${index}`)
}

export function expectedCounts(count: number): Map<string, number> {
  const counts = new Map<string, number>()
  for (let index = 0; index < count; index++) {
    const key = String(index % countedKeys)
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return counts
}
