import type { AsyncResult, OperatorEnvironment, SpawnedProcess } from '../../core/async-operator.ts'
import { invariant, PipelineError } from '../../core/errors.ts'
import type { StepRecord } from '../../core/step-record.ts'
import { AnswerLines } from './answer-lines.ts'
import { quoted, readAnswer, requestLine } from './exec-message.ts'

export interface ExecChildOptions {
  readonly environment: Pick<OperatorEnvironment, 'clock' | 'log'>
  /** Starts the process; its output goes to `onOutput`. */
  readonly spawn: (onOutput: (chunk: Uint8Array) => void) => SpawnedProcess
  /** How the process is named to people: its first arguments. */
  readonly name: string
  readonly facts: { readonly stage: string; readonly step: string }
  readonly deadlineMs: number
  readonly settleMs: number
  readonly maxLineBytes: number
  /** Records that the process is given before it has answered the first of them. */
  readonly inFlight: number
}

interface Waiting {
  readonly id: number
  readonly line: string
  readonly resolve: (result: AsyncResult) => void
  readonly reject: (error: unknown) => void
}

/** Lines that are no answer, of which the log is told before it is told no more. */
const maxToldLines = 10
/** Text that is handed to the process at once. */
const maxWriteChars = 65_536

/**
 * A process that is started again when it has ended, with what it had not answered. Who is to blame is
 * found out by giving it one record at a time: a process that was alive and had only that one fails it.
 */
export class ExecChild {
  readonly #options: ExecChildOptions
  #process: SpawnedProcess | null = null
  #lines: AnswerLines
  /** Not yet written, in order; and written but not answered, in the order in which they were. */
  #queue: Waiting[] = []
  readonly #sent = new Map<number, Waiting>()
  #lastId = 0
  /** So many records are given to it one at a time: it ended while it had them. */
  #careful = 0
  #isSettling = false
  #isWriting = false
  #isFlushDue = false
  #progressUs = 0
  #toldLines = 0
  /** Why it was killed; null: it was not. */
  #killedFor: string | null = null
  #isClosed = false

  constructor(options: ExecChildOptions) {
    this.#options = options
    this.#lines = new AnswerLines(options.maxLineBytes)
  }

  /** @throws PipelineError CONFIG_FILE when there is no such program. */
  async open(): Promise<void> {
    const opened = this.#start()
    if (opened.pid !== undefined) return
    const { how } = await opened.ended
    throw new PipelineError(
      'CONFIG_FILE',
      `the process of the step "${this.#options.facts.step}" cannot be started: ${how}; check \`argv\` and \`cwd\`, and that the program is installed`,
    )
  }

  /** @throws (as the promise's rejection) RecordFailure, PipelineError PEER_UNAVAILABLE, PEER_REJECTED */
  ask(record: StepRecord, traceparent: string | null): Promise<AsyncResult> {
    const id = (this.#lastId += 1)
    const line = requestLine(id, record, traceparent)
    return new Promise((resolve, reject) => {
      this.#queue.push({ id, line, resolve, reject })
      if (this.#process === null) this.#start()
      this.#flushSoon()
    })
  }

  async close(graceMs: number): Promise<void> {
    this.#isClosed = true
    await this.#process?.stop(graceMs)
  }

  #start(): SpawnedProcess {
    const { spawn, settleMs, environment, maxLineBytes } = this.#options
    this.#lines = new AnswerLines(maxLineBytes)
    this.#killedFor = null
    this.#isWriting = false
    const started = spawn((chunk) => {
      if (started === this.#process) this.#take(chunk)
    })
    this.#process = started
    this.#progressUs = environment.clock.monotonicUs()
    // One that ends by itself must not have a record in its hands.
    this.#isSettling = this.#careful > 0
    const over = new AbortController()
    if (this.#isSettling) void this.#settle(settleMs, over.signal)
    void this.#watch(started, over.signal)
    void started.ended.then(({ how }) => {
      over.abort()
      this.#ended(how)
    })
    return started
  }

  async #settle(settleMs: number, over: AbortSignal): Promise<void> {
    await this.#options.environment.clock.sleep(settleMs, over)
    if (over.aborted) return
    this.#isSettling = false
    this.#progressUs = this.#options.environment.clock.monotonicUs()
    this.#flush()
  }

  /** Kills a process that has something to answer and does not, however much it has still to read. */
  async #watch(started: SpawnedProcess, over: AbortSignal): Promise<void> {
    const { environment, deadlineMs } = this.#options
    const { clock } = environment
    while (!over.aborted) {
      const idleMs = (clock.monotonicUs() - this.#progressUs) / 1_000
      const isBusy = this.#sent.size > 0
      if (isBusy && idleMs >= deadlineMs) {
        this.#killedFor = `gave no answer within ${deadlineMs} ms (\`deadline\`)`
        started.kill()
        return
      }
      await clock.sleep(isBusy ? deadlineMs - idleMs : deadlineMs, over)
    }
  }

  /** Once all that is asked in this turn of the event loop has been asked: few writes are many times faster. */
  #flushSoon(): void {
    if (this.#isFlushDue) return
    this.#isFlushDue = true
    setImmediate(() => {
      this.#isFlushDue = false
      this.#flush()
    })
  }

  #flush(): void {
    const { inFlight, environment } = this.#options
    const process = this.#process
    if (process === null || this.#isSettling || this.#isWriting || this.#isClosed) return
    const room = (this.#careful > 0 ? 1 : inFlight) - this.#sent.size
    if (room <= 0 || this.#queue.length === 0) return
    if (this.#sent.size === 0) this.#progressUs = environment.clock.monotonicUs()
    let text = ''
    let count = 0
    while (count < room && count < this.#queue.length && text.length < maxWriteChars) {
      const waiting = this.#queue[count]!
      text += waiting.line
      this.#sent.set(waiting.id, waiting)
      count += 1
    }
    this.#queue = this.#queue.slice(count)
    if (process.write(text)) {
      if (this.#careful === 0) this.#flush()
      return
    }
    this.#isWriting = true
    void process.drained().then(() => {
      if (process !== this.#process) return
      this.#isWriting = false
      this.#flush()
    })
  }

  #take(chunk: Uint8Array): void {
    const lines = this.#lines.take(chunk)
    if (lines === null) {
      this.#killedFor = `wrote a line of more than ${this.#options.maxLineBytes} bytes (\`max_line\`)`
      this.#process?.kill()
      return
    }
    for (const line of lines) this.#answer(line)
    this.#flushSoon()
  }

  #answer(line: string): void {
    const answer = readAnswer(line)
    const asked = answer === null ? undefined : this.#sent.get(answer.id)
    if (answer === null || asked === undefined) {
      this.#tellUnexpected(line)
      return
    }
    this.#sent.delete(answer.id)
    this.#progressUs = this.#options.environment.clock.monotonicUs()
    if (this.#careful > 0) this.#careful -= 1
    const { result } = answer
    if (typeof result === 'string' || Array.isArray(result)) asked.resolve(result)
    else asked.reject(result)
  }

  #tellUnexpected(line: string): void {
    const { environment, facts, name } = this.#options
    this.#toldLines += 1
    if (this.#toldLines > maxToldLines) return
    const more = this.#toldLines === maxToldLines ? '; further ones are not told' : ''
    environment.log('warn', `${name} wrote a line that answers nothing: ${quoted(line)}${more}`, {
      ...facts,
    })
  }

  /** Gives up everything: it is asked again, in the order in which it was asked. */
  #ended(how: string): void {
    const { environment, facts, name } = this.#options
    const hadSettled = !this.#isSettling
    const sent = [...this.#sent.values()]
    const given = [...sent, ...this.#queue.splice(0)]
    this.#sent.clear()
    this.#process = null
    if (this.#isClosed) {
      const closed = new PipelineError('PEER_UNAVAILABLE', `${name} was stopped`)
      for (const { reject } of given) reject(closed)
      return
    }
    const why = this.#killedFor === null ? `ended (${how})` : `was killed: it ${this.#killedFor}`
    if (given.length === 0) {
      environment.log(
        'info',
        `${name} ${why} with nothing to do; it is started again when there is`,
        {
          ...facts,
        },
      )
      return
    }
    const isItsFault = hadSettled && this.#careful > 0 && sent.length === 1
    this.#careful = Math.max(this.#careful, sent.length, 1)
    for (const { id, reject } of given) {
      const isBlamed = isItsFault && id === sent[0]!.id
      reject(
        isBlamed
          ? new PipelineError('PEER_REJECTED', `${name} ${why} on this record alone`)
          : new PipelineError('PEER_UNAVAILABLE', `${name} ${why}`),
      )
    }
    invariant(this.#queue.length === 0, 'all that waited was given up')
  }
}
