import { Worker } from 'node:worker_threads'
import { messageOf, PipelineError } from '../core/errors.ts'
import { inTurns } from '../core/in-turns.ts'
import type { SliceWork, StepExecutor } from '../runtime/step-executor.ts'
import { errorFromWire, partToWire, resultFromWire, transferable } from '../runtime/step-wire.ts'
import type { StepResult } from '../runtime/slice.ts'
import type { WriteLog } from './create-logger.ts'
import type { StepRequest, StepResponse, StepThreadData } from './step-thread-protocol.ts'

/** Of fewer records, sending costs more than it saves. */
const minSliceRecords = 128
/** Before so many records a run is over sooner than a thread has started. */
const startAfterRecords = 40_000
/** One that is worked on and some that wait: what is more is done sooner by whoever asks. */
const maxInFlight = 3
/** More only adds garbage that is kept for longer: see `limitHeapGrowth`. */
const maxYoungGenerationMb = 12
/** About what the main thread has, so that a value is nested too deeply for both or for none. */
const stackMb = 1.15

interface Pending {
  readonly resolve: (result: StepResult) => void
  readonly reject: (error: PipelineError) => void
}

interface Thread {
  readonly worker: Worker
  readonly pending: Map<number, Pending>
  isReady: boolean
}

export interface StepThreadsOptions {
  readonly count: number
  readonly data: StepThreadData
  readonly log: WriteLog
}

/** Threads that work on slices of stateless nodes beside the main one; started once there is enough to do. */
export class StepThreads implements StepExecutor {
  readonly #options: StepThreadsOptions
  readonly #threads: Thread[] = []
  #offered = 0
  #lastRef = 0
  #isClosed = false

  constructor(options: StepThreadsOptions) {
    this.#options = options
  }

  offer(work: SliceWork): Promise<StepResult> | null {
    const records = work.parts.reduce((sum, { batch, from }) => sum + batch.count - from, 0)
    this.#offered += records
    if (records < minSliceRecords || this.#isClosed) return null
    this.#startIfDue()
    const thread = this.#freest()
    return thread === null ? null : this.#send(thread, work)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()))
  }

  #startIfDue(): void {
    const { count, data } = this.#options
    if (this.#threads.length > 0 || this.#offered < startAfterRecords) return
    for (let index = 0; index < count; index++) this.#threads.push(this.#start(data, index))
  }

  #start(workerData: StepThreadData, index: number): Thread {
    const worker = new Worker(threadUrl(), {
      workerData,
      name: `millrace-steps-${index}`,
      resourceLimits: { maxYoungGenerationSizeMb: maxYoungGenerationMb, stackSizeMb: stackMb },
    })
    const thread: Thread = { worker, pending: new Map(), isReady: false }
    const receive = inTurns((response: StepResponse) => this.#handle(thread, response))
    worker.on('message', receive)
    worker.on('error', (error) => receive({ kind: 'lost', how: messageOf(error) }))
    worker.on('exit', (code) => receive({ kind: 'lost', how: `exit code ${code}` }))
    return thread
  }

  /** null where all have enough to do. */
  #freest(): Thread | null {
    let freest: Thread | null = null
    for (const thread of this.#threads) {
      if (!thread.isReady || thread.pending.size >= maxInFlight) continue
      if (freest === null || thread.pending.size < freest.pending.size) freest = thread
    }
    return freest
  }

  #send(thread: Thread, { parts, ...task }: SliceWork): Promise<StepResult> {
    const ref = (this.#lastRef += 1)
    const request: StepRequest = { ref, ...task, parts: parts.map(partToWire) }
    return new Promise((resolve, reject) => {
      thread.worker.postMessage(request, transferable(request.parts.map(({ bytes }) => bytes)))
      thread.pending.set(ref, { resolve, reject })
    })
  }

  #handle(thread: Thread, response: StepResponse): void {
    switch (response.kind) {
      case 'ready':
        thread.isReady = true
        return this.#options.log('debug', 'a thread for steps works along')
      case 'unready':
        return this.#options.log(
          'warn',
          `a thread for steps could not start, the run goes on without it: ${response.message}`,
        )
      case 'lost':
        return this.#lose(thread, response.how)
      case 'done':
        return this.#take(thread, response.ref)?.resolve(resultFromWire(response.result))
      case 'failed':
        return this.#take(thread, response.ref)?.reject(errorFromWire(response.error))
    }
  }

  #take({ pending }: Thread, ref: number): Pending | undefined {
    const taken = pending.get(ref)
    pending.delete(ref)
    return taken
  }

  /** Its slices are lost to this run, but not committed: the next run does them again. */
  #lose(thread: Thread, how: string): void {
    thread.isReady = false
    if (this.#isClosed) return
    const error = new PipelineError(
      'INVARIANT',
      `a thread for steps ended (${how}); nothing of its work was committed: start the process again`,
    )
    for (const { reject } of thread.pending.values()) reject(error)
    thread.pending.clear()
  }
}

/** Beside this file, and TypeScript or compiled as this file is. */
function threadUrl(): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return new URL(`./step-thread.${extension}`, import.meta.url)
}
