import { Worker } from 'node:worker_threads'
import { messageOf, PipelineError } from '../../core/errors.ts'
import { inTurns } from '../../core/in-turns.ts'
import type {
  AppliedGroup,
  StorageCalls,
  StoredCommit,
  VisibleCommit,
  WireError,
  WriterRequest,
  WriterResponse,
  WriterThreadData,
} from './writer-protocol.ts'

export interface WriterOptions extends WriterThreadData {
  readonly notice: (message: string) => void
}

export interface WriterListener {
  /** A group of commits is on the disk: makes it visible. @returns the time of that, epoch µs. */
  readonly applied: (group: AppliedGroup) => number
  /** Nothing can be written any more. */
  readonly broken: () => void
}

interface Pending {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: PipelineError) => void
}

/** The caller's end of the writer thread. Requests are worked off in their order. */
export class Writer {
  readonly #worker: Worker
  readonly #options: WriterOptions
  readonly #pending = new Map<number, Pending>()
  #listener: WriterListener | null = null
  #lastRef = 0
  #failure: PipelineError | null = null

  private constructor(worker: Worker, options: WriterOptions) {
    this.#worker = worker
    this.#options = options
    const receive = inTurns((response: WriterResponse) => this.#handle(response))
    const lose = (how: string) => receive({ kind: 'broken', error: deadThread(how) })
    worker.on('message', receive)
    worker.on('error', (error) => lose(messageOf(error)))
    worker.on('exit', (code) => lose(`exit code ${code}`))
  }

  /** @throws PipelineError DISK_FULL, LOG_CORRUPT, LOG_IO, LOG_VERSION */
  static async open(options: WriterOptions): Promise<Writer> {
    const { directory, failpoint } = options
    const workerData: WriterThreadData = { directory, failpoint }
    const worker = new Worker(writerThreadUrl(), { workerData, name: 'millrace-log-writer' })
    const first = await new Promise<WriterResponse>((resolve, reject) => {
      const receive = (response: WriterResponse) => {
        if (response.kind === 'notice') return options.notice(response.message)
        worker.off('message', receive)
        worker.off('error', reject)
        resolve(response)
      }
      worker.on('message', receive)
      worker.once('error', reject)
    })
    if (first.kind === 'unopened') {
      await worker.terminate()
      throw toError(first.error)
    }
    return new Writer(worker, options)
  }

  /** To be called before the first commit. */
  attach(listener: WriterListener): void {
    this.#listener = listener
  }

  /** Why nothing can be written any more; null while all is well. */
  get failure(): PipelineError | null {
    return this.#failure
  }

  /** @returns when the commit became visible, epoch µs. */
  commit(commit: StoredCommit, visible: readonly VisibleCommit[]): Promise<number> {
    const transfer = commit.outputs
      .map(({ bytes }) => bytes.buffer)
      .filter((buffer) => buffer instanceof ArrayBuffer)
    return this.#send(
      (ref) => ({ kind: 'commit', ref, commit, visible }),
      transfer,
    ) as Promise<number>
  }

  call<Name extends keyof StorageCalls>(
    kind: Name,
    argument: Parameters<StorageCalls[Name]>[0],
  ): Promise<ReturnType<StorageCalls[Name]>> {
    const request = (ref: number) => ({ kind, ref, argument }) as WriterRequest
    return this.#send(request, []) as Promise<ReturnType<StorageCalls[Name]>>
  }

  /** After everything that was asked for before. */
  async close(visible: readonly VisibleCommit[]): Promise<void> {
    if (this.#failure === null) await this.call('close', { visible })
    this.#failure ??= new PipelineError('LOG_IO', 'the log is closed')
    await this.#worker.terminate()
  }

  #send(request: (ref: number) => WriterRequest, transfer: ArrayBuffer[]): Promise<unknown> {
    if (this.#failure !== null) return Promise.reject(this.#failure)
    const ref = (this.#lastRef += 1)
    return new Promise((resolve, reject) => {
      this.#worker.postMessage(request(ref), transfer)
      this.#pending.set(ref, { resolve, reject })
    })
  }

  #handle(response: WriterResponse): void {
    switch (response.kind) {
      case 'applied':
        return this.#settleGroup(response.refs, response.group)
      case 'done':
        return this.#take(response.ref)?.resolve(response.value)
      case 'failed':
        return this.#take(response.ref)?.reject(toError(response.error))
      case 'notice':
        return this.#options.notice(response.message)
      case 'broken':
        return this.#break(toError(response.error))
    }
  }

  #settleGroup(refs: readonly number[], group: AppliedGroup): void {
    const visibleUs = this.#listener?.applied(group) ?? NaN
    for (const [index, ref] of refs.entries()) {
      const pending = this.#take(ref)
      const refusal = group.refusals[index] ?? null
      if (refusal === null) pending?.resolve(visibleUs)
      else pending?.reject(toError(refusal))
    }
  }

  #take(ref: number): Pending | undefined {
    const pending = this.#pending.get(ref)
    this.#pending.delete(ref)
    return pending
  }

  #break(error: PipelineError): void {
    if (this.#failure !== null) return
    this.#failure = error
    for (const { reject } of this.#pending.values()) reject(error)
    this.#pending.clear()
    this.#listener?.broken()
    // It would keep a process alive that has nothing left to do but end.
    void this.#worker.terminate()
  }
}

/** Beside this file, and TypeScript or compiled as this file is. */
function writerThreadUrl(): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return new URL(`./writer-thread.${extension}`, import.meta.url)
}

function toError({ code, message }: WireError): PipelineError {
  return new PipelineError(code, message)
}

function deadThread(how: string): WireError {
  const message =
    `the log's writer thread ended (${how}); commits that were not answered may be kept or not, each ` +
    'as a whole: start the process again'
  return { code: 'LOG_IO', message }
}
