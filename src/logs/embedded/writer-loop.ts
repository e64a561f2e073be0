import { messageOf, PipelineError } from '../../core/errors.ts'
import { releaseBytes } from '../../core/release-bytes.ts'
import { isDiskFull, toPipelineError } from './sqlite-error.ts'
import type { Storage } from './storage.ts'
import type {
  CallRequest,
  CommitRequest,
  StoredCommit,
  WireError,
  WriterRequest,
  WriterResponse,
} from './writer-protocol.ts'

export const maxGroupBytes = 16 * 1024 * 1024
export const maxGroupCommits = 256

export interface WriterLoopOptions {
  readonly storage: Storage
  readonly directory: string
  readonly send: (response: WriterResponse) => void
  /** The next request if one has arrived. */
  readonly receive: () => WriterRequest | undefined
  /** Blocks the thread between two tries on a full disk. */
  readonly pause: () => void
}

/** Answers requests in their order, with all commits that are queued in one transaction. */
export class WriterLoop {
  readonly #options: WriterLoopOptions
  readonly #queue: WriterRequest[] = []
  #isWaitingForRoom = false
  #broken: WireError | null = null

  constructor(options: WriterLoopOptions) {
    this.#options = options
  }

  /** Works until nothing is queued. */
  handle(first: WriterRequest): void {
    this.#queue.push(first)
    this.#fill()
    while (this.#queue.length > 0) {
      const request = this.#queue[0]!
      if (this.#broken !== null) this.#refuse(this.#queue.shift()!, this.#broken)
      else if (request.kind === 'commit') this.#commitGroup()
      else this.#call(request)
      this.#fill()
    }
  }

  #fill(): void {
    for (let next = this.#options.receive(); next !== undefined; next = this.#options.receive()) {
      this.#queue.push(next)
    }
  }

  #commitGroup(): void {
    const group = this.#nextGroup()
    const commits = group.map(({ commit }) => commit)
    const visible = group.flatMap((request) => request.visible)
    const { storage, send } = this.#options
    const applied = this.#withRoom(() => storage.apply(commits, visible))
    if (applied === null) return
    this.#queue.splice(0, group.length)
    send({ kind: 'applied', refs: group.map(({ ref }) => ref), group: applied })
    for (const { outputs } of commits) for (const { bytes } of outputs) releaseBytes(bytes)
    this.#attempt(() => storage.checkpointIfDue())
  }

  #nextGroup(): CommitRequest[] {
    const group: CommitRequest[] = []
    let bytes = 0
    for (const request of this.#queue) {
      if (request.kind !== 'commit' || group.length === maxGroupCommits) break
      bytes += outputBytes(request.commit)
      if (group.length > 0 && bytes > maxGroupBytes) break
      group.push(request)
    }
    return group
  }

  #call(request: CallRequest): void {
    const { send } = this.#options
    const { ref } = request
    try {
      const done = this.#withRoom(() => ({ value: this.#perform(request) }))
      if (done === null) return
      this.#queue.shift()
      send({ kind: 'done', ref, value: done.value })
    } catch (error) {
      if (!(error instanceof PipelineError)) throw error
      this.#queue.shift()
      send({ kind: 'failed', ref, error: toWire(error) })
    }
  }

  #perform(request: CallRequest): unknown {
    const { storage } = this.#options
    if (request.kind === 'openTask') return storage.openTask(request.argument)
    if (request.kind === 'ensureTopics') return storage.ensureTopics(request.argument)
    if (request.kind === 'alterTopic') return storage.alterTopic(request.argument)
    if (request.kind === 'reset') return storage.reset(request.argument)
    if (request.kind === 'storeManifest') return storage.storeManifest(request.argument)
    if (request.kind === 'retain') return storage.retain(request.argument)
    return storage.close(request.argument)
  }

  /**
   * Tries until there is room on the disk. Returns null when the log broke, or when it is being
   * closed and the disk is still full: the queue has been answered then.
   */
  #withRoom<T>(write: () => T): T | null {
    while (true) {
      const result = this.#attempt(write)
      if (result !== 'full') {
        if (this.#isWaitingForRoom) this.#sayResumed()
        return result
      }
      if (!this.#isWaitingForRoom) this.#sayFull()
      this.#fill()
      if (this.#queue.some(({ kind }) => kind === 'close')) {
        this.#giveUp()
        return null
      }
      this.#attempt(() => this.#options.storage.reclaimWal())
      if (this.#broken !== null) return null
      this.#options.pause()
    }
  }

  #attempt<T>(write: () => T): T | 'full' | null {
    try {
      return write()
    } catch (error) {
      if (isDiskFull(error)) return 'full'
      if (error instanceof PipelineError && isRefusal(error)) throw error
      this.#break(toPipelineError(error, `writing ${this.#options.directory}`))
      return null
    }
  }

  #sayFull(): void {
    this.#isWaitingForRoom = true
    const message =
      `disk full: ${this.#options.directory} cannot grow. Free space on this disk; nothing is lost, ` +
      'and work resumes by itself'
    this.#options.send({ kind: 'notice', message })
  }

  #sayResumed(): void {
    this.#isWaitingForRoom = false
    const message = `${this.#options.directory}: there is room on the disk again; work goes on`
    this.#options.send({ kind: 'notice', message })
  }

  #giveUp(): void {
    const message =
      `${this.#options.directory}: the log was closed while the disk was full; this commit was not ` +
      'kept, and the next run does its work again'
    this.#broken = { code: 'LOG_IO', message }
    for (const request of this.#queue.splice(0)) this.#refuse(request, this.#broken)
  }

  #break(error: unknown): void {
    const wire = error instanceof PipelineError ? toWire(error) : unexpected(error)
    this.#broken = wire
    this.#options.send({ kind: 'broken', error: wire })
    for (const request of this.#queue.splice(0)) this.#refuse(request, wire)
  }

  #refuse({ kind, ref }: WriterRequest, error: WireError): void {
    // Closing a broken log is how one gets rid of it.
    if (kind === 'close') this.#options.send({ kind: 'done', ref, value: undefined })
    else this.#options.send({ kind: 'failed', ref, error })
  }
}

export function toWire(error: PipelineError): WireError {
  return { code: error.code, message: error.message }
}

/** Whether the error is about what was asked for, and says nothing about the storage. */
function isRefusal({ code }: PipelineError): boolean {
  return code !== 'LOG_IO' && code !== 'LOG_CORRUPT'
}

function unexpected(error: unknown): WireError {
  return {
    code: 'INVARIANT',
    message: `the log's writer met an error of its own: ${messageOf(error)}`,
  }
}

function outputBytes(commit: StoredCommit): number {
  return commit.outputs.reduce((sum, { bytes }) => sum + bytes.byteLength, 0)
}
