import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'
import type { Clock } from '../../core/clock.ts'
import { messageOf, PipelineError } from '../../core/errors.ts'
import type { ProcessCall, ProcessResult, ProcessRunner } from '../../core/process-runner.ts'
import { passedVariables, signalGroup, startChild, type Environment } from './child-process.ts'

/** From the request to end until it is killed. */
const killAfterMs = 1_000

/** Runs programs to their end, with an input that is known and an output that is looked at afterwards. */
export class ChildProcessRunner implements ProcessRunner {
  readonly #clock: Clock
  readonly #env: Record<string, string>

  /** @param env of this process. */
  constructor(clock: Clock, env: Environment) {
    this.#clock = clock
    this.#env = passedVariables(env)
  }

  async run({ argv, folder, stdin, maxOutputBytes, signal }: ProcessCall): Promise<ProcessResult> {
    const child = startChild({ argv, folder, env: this.#env })
    const ended = new AbortController()
    const stop = () => void this.#end(child, ended.signal)
    const stdout = new CappedText(child.stdout, maxOutputBytes)
    const stderr = new CappedText(child.stderr, maxOutputBytes)
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    child.stdin?.end(stdin)
    try {
      const exitCode = await exitOf(child, argv[0])
      const isCut = stdout.isCut || stderr.isCut
      return { exitCode, stdout: stdout.text, stderr: stderr.text, isCut }
    } finally {
      ended.abort()
      signal.removeEventListener('abort', stop)
    }
  }

  async #end(child: ChildProcess, ended: AbortSignal): Promise<void> {
    signalGroup(child, 'SIGTERM')
    await this.#clock.sleep(killAfterMs, ended)
    signalGroup(child, 'SIGKILL')
  }
}

/** null: a signal ended it. @throws PipelineError CONFIG_FILE */
function exitOf(child: ChildProcess, program: string): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) =>
      reject(
        new PipelineError(
          'CONFIG_FILE',
          `the program ${program} cannot be started: ${messageOf(error)}; check its name and rights`,
        ),
      ),
    )
    // Not `close`: what it has left behind may hold its output open for ever.
    child.once('exit', (code) => setImmediate(resolve, code))
  })
}

/** The first bytes of a stream as text; the rest is read, so that its writer never waits, and dropped. */
class CappedText {
  readonly #chunks: Buffer[] = []
  #left: number
  isCut = false

  constructor(stream: Readable | null, maxBytes: number) {
    this.#left = maxBytes
    stream?.on('data', (chunk: Buffer) => {
      if (chunk.length > this.#left) this.isCut = true
      if (this.#left > 0) this.#chunks.push(chunk.subarray(0, this.#left))
      this.#left = Math.max(0, this.#left - chunk.length)
    })
  }

  get text(): string {
    return Buffer.concat(this.#chunks).toString('utf8')
  }
}
