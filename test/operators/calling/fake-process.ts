import type {
  ProcessEnd,
  SpawnedProcess,
  SpawnOptions,
  SpawnProcess,
} from '../../../src/core/async-operator.ts'
import { decodeJson, encodeJson, type JsonObject } from '../../../src/core/json.ts'

/** A process in memory: what it does with each line is up to the test. */
export class FakeProcess implements SpawnedProcess {
  readonly pid: number | undefined
  readonly ended: Promise<ProcessEnd>
  readonly options: SpawnOptions
  /** Requests as they were written. */
  readonly got: JsonObject[] = []
  isStopped = false
  isKilled = false
  #isOver = false
  /** Whether it takes more. */
  reads = true
  readonly #end = Promise.withResolvers<ProcessEnd>()
  readonly #onRequest: (request: JsonObject, process: FakeProcess) => void
  #resume: (() => void) | null = null

  constructor(options: SpawnOptions, parts: { pid: number | undefined; onRequest: Answers }) {
    this.options = options
    this.pid = parts.pid
    this.#onRequest = parts.onRequest
    this.ended = this.#end.promise
  }

  write(text: string): boolean {
    const lines = text.split('\n')
    if (lines.pop() !== '') throw new TypeError('a line was cut')
    for (const line of lines) {
      if (this.#isOver) break
      const request = decodeJson(line) as JsonObject
      this.got.push(request)
      this.#onRequest(request, this)
    }
    return this.reads
  }

  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#resume = resolve
    })
  }

  /** Takes more from here on. */
  readOn(): void {
    this.reads = true
    this.#resume?.()
  }

  async stop(): Promise<void> {
    this.isStopped = true
    this.end('exit code 0')
    await this.ended
  }

  kill(): void {
    this.isKilled = true
    this.end('signal SIGKILL')
  }

  say(text: string): void {
    this.options.onOutput(Buffer.from(text))
  }

  answer(...answers: readonly JsonObject[]): void {
    this.say(answers.map((answer) => `${encodeJson(answer)}\n`).join(''))
  }

  end(how: string): void {
    this.#isOver = true
    this.#end.resolve({ how, isMissing: this.pid === undefined })
  }
}

export type Answers = (request: JsonObject, process: FakeProcess) => void

/** Starts processes of which each does the same, and keeps them. */
export function fakeProcesses(onRequest: Answers = () => {}) {
  const started: FakeProcess[] = []
  const spawn: SpawnProcess = (options) => {
    const isMissing = options.argv[0] === 'missing'
    const pid = isMissing ? undefined : started.length + 1
    const made = new FakeProcess(options, { pid, onRequest })
    started.push(made)
    if (isMissing) made.end('spawn missing ENOENT')
    return made
  }
  return { spawn, started }
}
