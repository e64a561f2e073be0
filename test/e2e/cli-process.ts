import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const main = join(process.cwd(), 'src/main.ts')

export interface CliResult {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface CliOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  /** What comes on stdin; nothing when left out. */
  readonly input?: string | Buffer
  /** An open file that takes stdout. */
  readonly stdout?: number
}

/** By working directory, so that a test which fails leaves no process behind. */
const running = new Map<string, Set<ChildProcess>>()

/** The command line as users start it, in a process of its own. */
export class CliProcess {
  readonly child: ChildProcess
  readonly ended: Promise<CliResult>
  stdout = ''
  stderr = ''
  readonly #waiting = new Set<() => void>()

  constructor(args: readonly string[], { cwd, env = {}, input, stdout }: CliOptions) {
    const { PATH = '', HOME = '' } = process.env
    this.child = spawn(process.execPath, [main, ...args], {
      cwd,
      env: { PATH, HOME, ...env },
      stdio: ['pipe', stdout ?? 'pipe', 'pipe'],
    })
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#add('stdout', text))
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => this.#add('stderr', text))
    running.set(cwd, (running.get(cwd) ?? new Set()).add(this.child))
    this.child.stdin!.on('error', () => {})
    this.child.stdin!.end(input)
    this.ended = new Promise((resolve) => {
      this.child.on('close', (code, signal) => {
        this.#wake()
        running.get(cwd)?.delete(this.child)
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr })
      })
    })
  }

  /** Resolves once the condition holds; rejects when the process ends before. */
  async until(condition: (process: CliProcess) => boolean): Promise<void> {
    while (!condition(this)) {
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`the process ended too early: ${this.stderr}`)
      }
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
    }
  }

  /** Resolves once the file is as wanted: with something in it, when nothing else is said. */
  async untilFile(path: string, condition = (text: string) => text !== ''): Promise<void> {
    while (!existsSync(path) || !condition(readFileSync(path, 'utf8'))) {
      if (this.child.exitCode !== null)
        throw new Error(`the process ended too early: ${this.stderr}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  #add(stream: 'stdout' | 'stderr', text: string): void {
    this[stream] += text
    this.#wake()
  }

  #wake(): void {
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
  }
}

export function millrace(args: readonly string[], options: CliOptions): Promise<CliResult> {
  return new CliProcess(args, options).ended
}

/** A folder of its own with files, by their paths in it. */
export class Workspace {
  readonly folder = mkdtempSync(join(tmpdir(), 'millrace-cli-'))

  constructor(files: Readonly<Record<string, string | Buffer>> = {}) {
    for (const [path, content] of Object.entries(files)) this.write(path, content)
  }

  write(path: string, content: string | Buffer): void {
    mkdirSync(dirname(join(this.folder, path)), { recursive: true })
    writeFileSync(join(this.folder, path), content)
  }

  /** The lines of a file that ends with a newline. */
  lines(path: string): string[] {
    return readFileSync(this.path(path), 'utf8').split('\n').slice(0, -1)
  }

  path(...parts: readonly string[]): string {
    return join(this.folder, ...parts)
  }

  [Symbol.dispose](): void {
    this.remove()
  }

  remove(): void {
    for (const child of running.get(this.folder) ?? []) child.kill('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
  }
}
