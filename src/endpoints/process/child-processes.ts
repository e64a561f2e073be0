import { spawn, type ChildProcessByStdio } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import type { Clock } from '../../core/clock.ts'
import { messageOf, PipelineError } from '../../core/errors.ts'
import type { ProcessCall, ProcessResult, ProcessRunner } from '../../core/process-runner.ts'

/** What programs need to find their way; nothing else of ours is their business, secrets least of all. */
const handedOn = ['PATH', 'HOME', 'USER', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR']
/** From the request to end until it is killed. */
const killAfterMs = 1_000

export interface ChildProcessesOptions {
  readonly clock: Clock
  readonly env: Readonly<Record<string, string | undefined>>
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>

/** Programs as children of this process, each the leader of a process group of its own. */
export class ChildProcesses implements ProcessRunner {
  readonly #clock: Clock
  readonly #env: Record<string, string>

  constructor({ clock, env }: ChildProcessesOptions) {
    this.#clock = clock
    this.#env = Object.fromEntries(
      handedOn.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
    )
  }

  async run(call: ProcessCall): Promise<ProcessResult> {
    const child = this.#start(call)
    const ended = new AbortController()
    const stop = () => void this.#end(child, ended.signal)
    const stdout = new CappedText(child.stdout, call.maxOutputBytes)
    const stderr = new CappedText(child.stderr, call.maxOutputBytes)
    if (call.signal.aborted) stop()
    call.signal.addEventListener('abort', stop, { once: true })
    // A program that does not read its input, or ends before, is none the worse for that.
    child.stdin.on('error', () => {})
    child.stdin.end(call.stdin)
    try {
      const exitCode = await exitOf(child, call.argv[0])
      const isCut = stdout.isCut || stderr.isCut
      return { exitCode, stdout: stdout.text, stderr: stderr.text, isCut }
    } finally {
      ended.abort()
      call.signal.removeEventListener('abort', stop)
    }
  }

  #start({ argv, folder }: ProcessCall): Child {
    const [program, ...rest] = argv
    return spawn(program, rest, {
      ...(folder === null ? {} : { cwd: folder }),
      env: this.#env,
      stdio: ['pipe', 'pipe', 'pipe'],
      // What it starts ends with it.
      detached: true,
    })
  }

  async #end(child: Child, ended: AbortSignal): Promise<void> {
    signalGroup(child, 'SIGTERM')
    await this.#clock.sleep(killAfterMs, ended)
    signalGroup(child, 'SIGKILL')
  }
}

function signalGroup({ pid }: Child, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // None of it is left.
  }
}

/** null: a signal ended it. @throws PipelineError CONFIG_FILE */
function exitOf(child: Child, program: string): Promise<number | null> {
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

  constructor(stream: Readable, maxBytes: number) {
    this.#left = maxBytes
    stream.on('data', (chunk: Buffer) => {
      if (chunk.length > this.#left) this.isCut = true
      if (this.#left > 0) this.#chunks.push(chunk.subarray(0, this.#left))
      this.#left = Math.max(0, this.#left - chunk.length)
    })
    stream.on('error', () => {})
  }

  get text(): string {
    return Buffer.concat(this.#chunks).toString('utf8')
  }
}
