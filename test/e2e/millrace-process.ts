import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'

const root = process.cwd()

export interface Ended {
  /** null when a signal ended it. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Started {
  readonly process: ChildProcessByStdio<null, Readable, Readable>
  readonly ended: Promise<Ended>
}

/** Starts the command line from the sources, as `npm run -s millrace --` does. */
export function startMillrace(args: readonly string[], options: { cwd: string; env?: Record<string, string> }): Started {
  const child = spawn(process.execPath, [join(root, 'src/main.ts'), ...args], {
    cwd: options.cwd,
    env: { ...process.env, NO_COLOR: '1', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
  return { process: child, ended }
}

/** Runs the command line to its end. */
export function millrace(args: readonly string[], options: { cwd: string; env?: Record<string, string> }): Promise<Ended> {
  return startMillrace(args, options).ended
}

/** A folder with the example pipelines and the data that they read, to write `out/` and `.millrace/` into. */
export class Workspace {
  readonly folder: string

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'millrace-e2e-'))
    cpSync(join(root, 'pipelines'), join(this.folder, 'pipelines'), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(this.folder, 'node_modules'))
  }

  lines(path: string): string[] {
    return readFileSync(join(this.folder, path), 'utf8').split('\n').slice(0, -1)
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Data of the examples, read without any code of the pipelines. */
export function dataFile(name: string): string {
  return readFileSync(join(root, 'node_modules/vega-datasets/data', name), 'utf8')
}
