import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts'
import { openWritableLog } from '../../../src/logs/embedded/open-embedded-log.ts'
import { valuesOf } from '../../conformance/batches.ts'
import { type CopierOptions, copierTask, topics } from './copier.ts'

const script = fileURLToPath(new URL('./copier.ts', import.meta.url))

export function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'millrace-log-'))
}

export interface Copier {
  readonly child: ChildProcess
  /** All it said so far, line by line. */
  readonly lines: string[]
  /** Resolves when it says a line that begins so. */
  said(start: string): Promise<string>
  /** Resolves with the signal or exit code that ended it. */
  readonly ended: Promise<string | number>
}

/** @param prefix a program to start it under, such as strace. */
export function startCopier(options: CopierOptions, prefix: readonly string[] = []): Copier {
  const [command, ...args] = [...prefix, process.execPath, script, JSON.stringify(options)]
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines: string[] = []
  const listeners = new Set<() => void>()
  let rest = ''
  child.stdout.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
    for (const listener of listeners) listener()
  })
  const said = (start: string) =>
    new Promise<string>((resolve) => {
      const look = () => {
        const line = lines.find((candidate) => candidate.startsWith(start))
        if (line !== undefined) resolve(line)
      }
      listeners.add(look)
      look()
    })
  const ended = once(child, 'close').then(([code, signal]: (string | number)[]) => signal ?? code!)
  return { child, lines, said, ended }
}

export interface CopiedSoFar {
  readonly position: number
  readonly counted: number
  readonly outputs: readonly (string | null)[]
}

/** What is in the directory, by a writer that recovers it, as the next start of the copier would. */
export async function recover(directory: string): Promise<CopiedSoFar> {
  const log = await openWritableLog({ directory, clock: new VirtualClock() })
  try {
    await log.admin.ensureTopics(topics)
    const task = await log.openTask(copierTask)
    const [entry] = await task.restore()
    const outputs: (string | null)[] = []
    for (let offset = 0n; ;) {
      const slices = await log.reader.read({ topic: 'out', partition: 0, offset }, 1e6)
      if (slices.length === 0) break
      outputs.push(...valuesOf(slices))
      offset = slices.at(-1)!.next
    }
    return { position: Number(task.positions[0]), counted: Number(entry?.value ?? 0), outputs }
  } finally {
    await log.close()
  }
}

export function expectedValues(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `v${index}`)
}

/** The largest number said after `word`: what was answered. */
export function lastNumber(lines: readonly string[], word: string): number {
  const numbers = lines.filter((line) => line.startsWith(`${word} `))
  return Math.max(0, ...numbers.map((line) => Number(line.split(' ')[1])))
}
