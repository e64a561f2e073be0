import type { SliceBatch, TopicPartition } from '../../../core/log.ts'
import type { RecordBatch } from '../../../core/record-batch.ts'
import type { KafkaContext } from '../kafka-context.ts'
import { rangeOf, scanRange } from '../partition-scan.ts'
import { mayPass } from '../patiently.ts'
import type { CacheAge } from './cache-age.ts'
import type { CacheMark, StateCache } from './state-cache.ts'

/** At most so often, and for no more than a fifth of the time. */
const pauseMs = 2_000
const pausePart = 4
/** What is read before it is written. */
const chunkBytes = 2 * 1024 * 1024

/**
 * Keeps the cache of a changelog near its end, by reading the changelog itself, committed records alone, from
 * where the cache stands: so the cache is never ahead, and has no part in commits.
 */
export class CacheFollower {
  readonly #context: KafkaContext
  readonly #place: TopicPartition
  readonly #cache: StateCache
  readonly #age: CacheAge
  readonly #closing = new AbortController()
  readonly #done: Promise<void>
  /** Whether something may have been committed since the cache was at the end. */
  #isBehind = true
  #woken = new AbortController()

  constructor(
    context: KafkaContext,
    place: TopicPartition,
    { cache, age }: { readonly cache: StateCache; readonly age: CacheAge },
  ) {
    const closing = AbortSignal.any([context.closing, this.#closing.signal])
    this.#context = { ...context, closing }
    this.#place = place
    this.#cache = cache
    this.#age = age
    this.#done = this.#run()
  }

  /** There is something new. */
  wake(): void {
    this.#isBehind = true
    this.#woken.abort()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#woken.abort()
    await this.#done
    await this.#cache.close()
  }

  async #run(): Promise<void> {
    const { clock, closing: signal } = this.#context
    while (!signal.aborted) {
      if (!this.#isBehind) {
        this.#woken = new AbortController()
        await clock.sleep(Infinity, AbortSignal.any([signal, this.#woken.signal]))
      }
      const startUs = clock.monotonicUs()
      if (!signal.aborted && !(await this.#isStillUsed())) return
      const tookMs = (clock.monotonicUs() - startUs) / 1_000
      await clock.sleep(Math.max(pauseMs, pausePart * tookMs), signal)
    }
  }

  /** Brings the cache to the end of the changelog; false when it cannot be written any more. */
  async #isStillUsed(): Promise<boolean> {
    this.#isBehind = false
    try {
      return await this.#catchUp()
    } catch (error) {
      this.#isBehind = true
      // Whatever else it is, the task meets the same when it commits, and says so.
      return mayPass(error)
    }
  }

  async #catchUp(): Promise<boolean> {
    const { clock, closing } = this.#context
    // Before the end is asked for: what is written from now on lies behind it.
    const nowMs = clock.wallMs()
    const { end } = await rangeOf(this.#context, this.#place)
    const { mark } = this.#cache
    if (mark !== null && !this.#age.allows(mark, end, nowMs)) await this.#cache.clear()
    const from = this.#cache.mark?.offset ?? 0n
    // Of a changelog read from its start nothing can be missed that was there when that began.
    const writer = new ChunkWriter(this.#cache, this.#cache.mark?.freshMs ?? nowMs)
    const range = { ...this.#place, from, to: end }
    const read = await scanRange(this.#context, range, (slice) => writer.add(slice))
    // What was read since the last piece is not worth keeping anybody.
    if (closing.aborted) return true
    return writer.finish({ offset: read, freshMs: nowMs })
  }
}

/** Collects what a scan hands out, and has it written piece by piece. */
class ChunkWriter {
  readonly #cache: StateCache
  readonly #freshMs: number
  #batches: RecordBatch[] = []
  #bytes = 0
  #isUsable = true

  constructor(cache: StateCache, freshMs: number) {
    this.#cache = cache
    this.#freshMs = freshMs
  }

  add({ batch, next }: SliceBatch): Promise<void> | undefined {
    this.#batches.push(batch)
    this.#bytes += batch.bytes.byteLength
    if (this.#bytes < chunkBytes) return undefined
    return this.#write({ offset: next, freshMs: this.#freshMs })
  }

  async finish(mark: CacheMark): Promise<boolean> {
    await this.#write(mark)
    return this.#isUsable
  }

  async #write(mark: CacheMark): Promise<void> {
    const batches = this.#batches
    this.#batches = []
    this.#bytes = 0
    if (this.#isUsable) this.#isUsable = await this.#cache.apply(batches, mark)
  }
}
