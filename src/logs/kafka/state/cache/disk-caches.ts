import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { RecordBatch } from '../../../../core/record-batch.ts'
import type { CachedChangelog, CacheMark, StateCache, StateCaches } from '../state-cache.ts'
import { visitLast } from './chunk.ts'
import {
  buffersOf,
  type CacheCall,
  type CacheCalls,
  type CacheRequest,
  type CacheResponse,
} from './cache-protocol.ts'

const folder = 'kafka-state'

/** Caches in the data directory, a file for each changelog partition; one thread works on all of them. */
export class DiskCaches implements StateCaches {
  readonly #directory: string
  #thread: CacheThread | null = null
  #lastFile = 0
  #hasProblem = false

  constructor(directory: string) {
    this.#directory = directory
  }

  /** @throws Error for the first one that cannot be used; those after it are not worth another word. */
  async open(changelog: CachedChangelog): Promise<StateCache | null> {
    this.#thread ??= new CacheThread()
    const thread = this.#thread
    const file = (this.#lastFile += 1)
    const path = join(this.#directory, folder, changelog.topic, `${changelog.partition}.db`)
    const opened = await thread.call(file, 'open', { path, changelog })
    if (opened === null) return null
    if (opened.problem === null) return new DiskCache(thread, file, opened.mark)
    if (this.#hasProblem) return null
    this.#hasProblem = true
    throw new Error(`${path}: ${opened.problem}`)
  }

  /** After the caches themselves. */
  async close(): Promise<void> {
    await this.#thread?.close()
    this.#thread = null
  }
}

class DiskCache implements StateCache {
  mark: CacheMark | null
  readonly #thread: CacheThread
  readonly #file: number

  constructor(thread: CacheThread, file: number, mark: CacheMark | null) {
    this.#thread = thread
    this.#file = file
    this.mark = mark
  }

  async read(visit: (keyText: string, valueText: string) => void): Promise<boolean> {
    const ask = (bucket: number) => this.#thread.call(this.#file, 'read', { bucket })
    let next = ask(0)
    for (let bucket = 0; ; bucket++) {
      const read = await next
      if (read === null) return false
      // The thread reads on while this one decodes.
      if (!read.isLast) next = ask(bucket + 1)
      visitLast(read, visit)
      if (read.isLast) return true
    }
  }

  async apply(batches: readonly RecordBatch[], mark: CacheMark): Promise<boolean> {
    const owned = batches.map(({ bytes }) =>
      bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes),
    )
    const argument = { batches: owned, mark }
    const isWritten = (await this.#thread.call(this.#file, 'apply', argument)) === true
    if (isWritten) this.mark = mark
    return isWritten
  }

  async clear(): Promise<void> {
    await this.#thread.call(this.#file, 'clear', {})
    this.mark = null
  }

  async close(): Promise<void> {
    await this.#thread.call(this.#file, 'close', {})
  }
}

type Settle = (answer: CacheResponse['answer']) => void

/** The caller's end of the thread. When the thread dies, all answers are null: there is no cache then. */
class CacheThread {
  readonly #worker: Worker
  readonly #pending = new Map<number, Settle>()
  #lastRef = 0
  #isDead = false

  constructor() {
    this.#worker = new Worker(threadUrl(), { name: 'millrace-kafka-state' })
    // What it does is never worth keeping a process for.
    this.#worker.unref()
    this.#worker.on('message', ({ ref, answer }: CacheResponse) => this.#settle(ref, answer))
    this.#worker.on('error', () => this.#die())
    this.#worker.on('exit', () => this.#die())
  }

  call<Call extends CacheCall>(
    file: number,
    call: Call,
    argument: Parameters<CacheCalls[Call]>[0],
  ): Promise<ReturnType<CacheCalls[Call]> | null> {
    if (this.#isDead) return Promise.resolve(null)
    const ref = (this.#lastRef += 1)
    const request: CacheRequest<Call> = { ref, file, call, argument }
    this.#worker.postMessage(request, 'batches' in argument ? buffersOf(argument.batches) : [])
    return new Promise((resolve) => this.#pending.set(ref, resolve as Settle))
  }

  async close(): Promise<void> {
    this.#die()
    await this.#worker.terminate()
  }

  #settle(ref: number, answer: CacheResponse['answer']): void {
    this.#pending.get(ref)?.(answer)
    this.#pending.delete(ref)
  }

  #die(): void {
    this.#isDead = true
    for (const settle of this.#pending.values()) settle(null)
    this.#pending.clear()
  }
}

/** Beside this file, and TypeScript or compiled as this file is. */
function threadUrl(): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return new URL(`./cache-thread.${extension}`, import.meta.url)
}
