import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type {
  ProcessEnd,
  SpawnedProcess,
  SpawnOptions,
  SpawnProcess,
} from '../../core/async-operator.ts'
import type { Clock } from '../../core/clock.ts'
import { messageOf } from '../../core/errors.ts'
import { ErrorLines } from './error-lines.ts'

/** Without them programs find neither other programs nor the user's language. */
const alwaysPassed = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TZ', 'TMPDIR', 'USER']

type Environment = Readonly<Record<string, string | undefined>>

/** @param env of this process. */
export function processSpawner(clock: Clock, env: Environment): SpawnProcess {
  return (options) => new SystemProcess(clock, env, options)
}

/** A process in a group of its own, which is killed as a whole: what it has started ends with it. */
class SystemProcess implements SpawnedProcess {
  readonly ended: Promise<ProcessEnd>
  readonly #child: ChildProcess
  readonly #clock: Clock

  constructor(clock: Clock, env: Environment, options: SpawnOptions) {
    this.#clock = clock
    const [program, ...args] = options.argv
    this.#child = spawn(program, args, {
      cwd: options.cwd,
      env: variables(env, options),
      stdio: 'pipe',
      // Ctrl-C goes to all processes of a terminal's group; this one is asked to end when its work is done.
      detached: true,
      windowsHide: true,
    })
    const { stdin, stdout, stderr } = this.#child
    const errorLines = new ErrorLines(clock, options.onErrorLine)
    stdout?.on('data', options.onOutput)
    stderr?.on('data', (chunk: Buffer) => errorLines.take(chunk))
    // Its end says more than a pipe that broke because of it.
    for (const stream of [stdin, stdout, stderr]) stream?.on('error', () => {})
    this.#child.on('error', () => {})
    // What it has started and left behind would keep its pipes open, and be nobody's.
    this.#child.once('exit', () => this.#signal('SIGKILL'))
    const killAtExit = () => this.kill()
    process.once('exit', killAtExit)
    this.ended = this.#end().finally(() => {
      process.off('exit', killAtExit)
      errorLines.end()
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  write(text: string): boolean {
    const { stdin } = this.#child
    return stdin === null || !stdin.writable || stdin.write(text)
  }

  async drained(): Promise<void> {
    const over = new AbortController()
    const drained = once(this.#child.stdin!, 'drain', { signal: over.signal })
    await Promise.race([drained, this.ended]).catch(() => {})
    drained.catch(() => {})
    over.abort()
  }

  async stop(graceMs: number): Promise<void> {
    this.#child.stdin?.end()
    if (await this.#endsWithin(graceMs / 2)) return
    this.#signal('SIGTERM')
    if (await this.#endsWithin(graceMs / 2)) return
    this.kill()
    await this.ended
  }

  kill(): void {
    this.#signal('SIGKILL')
    // What it has started may hold on to its pipes.
    this.#child.stdout?.destroy()
    this.#child.stderr?.destroy()
  }

  #signal(signal: NodeJS.Signals): void {
    const { pid, exitCode, signalCode } = this.#child
    if (pid === undefined) return
    try {
      // The group lives on for as long as one of it does.
      process.kill(-pid, signal)
    } catch {
      if (exitCode === null && signalCode === null) this.#child.kill(signal)
    }
  }

  async #endsWithin(forMs: number): Promise<boolean> {
    const over = new AbortController()
    const late = this.#clock.sleep(forMs, over.signal).then(() => false)
    const isOver = await Promise.race([this.ended.then(() => true), late])
    over.abort()
    return isOver
  }

  async #end(): Promise<ProcessEnd> {
    try {
      const [code, signal] = (await once(this.#child, 'close')) as [number | null, string | null]
      return { how: signal === null ? `exit code ${code}` : `signal ${signal}`, isMissing: false }
    } catch (thrown) {
      return { how: messageOf(thrown), isMissing: this.#child.pid === undefined }
    }
  }
}

function variables(env: Environment, { passEnv, env: own }: SpawnOptions): Record<string, string> {
  const passed = [...alwaysPassed, ...passEnv].flatMap((name) => {
    const value = env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  // A script that prints an answer and reads on would keep it in a buffer, and both sides wait for ever.
  return { PYTHONUNBUFFERED: '1', ...Object.fromEntries(passed), ...own }
}
