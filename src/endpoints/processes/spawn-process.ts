import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type {
  ProcessEnd,
  SpawnedProcess,
  SpawnOptions,
  SpawnProcess,
} from '../../core/async-operator.ts'
import type { Clock } from '../../core/clock.ts'
import { messageOf } from '../../core/errors.ts'
import { passedVariables, signalGroup, startChild, type Environment } from './child-process.ts'
import { ErrorLines } from './error-lines.ts'

/** @param env of this process. */
export function processSpawner(clock: Clock, env: Environment): SpawnProcess {
  return (options) => new SystemProcess(clock, env, options)
}

/** A process that works for as long as it is wanted; what it has started ends with it. */
class SystemProcess implements SpawnedProcess {
  readonly ended: Promise<ProcessEnd>
  readonly #child: ChildProcess
  readonly #clock: Clock

  constructor(clock: Clock, env: Environment, options: SpawnOptions) {
    this.#clock = clock
    const { argv, cwd: folder, passEnv, env: own } = options
    this.#child = startChild({
      argv,
      folder,
      // A script that prints an answer and reads on would keep it in a buffer, and both sides wait for ever.
      env: { PYTHONUNBUFFERED: '1', ...passedVariables(env, passEnv), ...own },
    })
    const { stdout, stderr } = this.#child
    const errorLines = new ErrorLines(clock, options.onErrorLine)
    stdout?.on('data', options.onOutput)
    stderr?.on('data', (chunk: Buffer) => errorLines.take(chunk))
    // What it has started and left behind would keep its pipes open, and be nobody's.
    this.#child.once('exit', () => signalGroup(this.#child, 'SIGKILL'))
    this.ended = this.#end().finally(() => errorLines.end())
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
    signalGroup(this.#child, 'SIGTERM')
    if (await this.#endsWithin(graceMs / 2)) return
    this.kill()
    await this.ended
  }

  kill(): void {
    signalGroup(this.#child, 'SIGKILL')
    // What it has started may hold on to its pipes.
    this.#child.stdout?.destroy()
    this.#child.stderr?.destroy()
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
