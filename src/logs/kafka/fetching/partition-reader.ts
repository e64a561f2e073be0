import type { Clock } from '../../../core/clock.ts'
import { PipelineError } from '../../../core/errors.ts'
import type { SliceBatch, TopicPartition } from '../../../core/log.ts'
import { PullWaiters } from '../../pull-waiters.ts'
import type { FetchedPartition, Isolation } from '../client/kafka-client.ts'
import { KafkaError } from '../client/kafka-error.ts'
import { decodeRecords, type DecodedBatch, type DecodedRecords } from '../records/decode-records.ts'

/** Where a reader stands, and what it may keep. */
export interface ReaderOptions extends TopicPartition {
  /** The position to begin at. */
  readonly offset: bigint
  /** How much is fetched ahead, decoded. */
  readonly bufferBytes: number
  /** The topic's id when the position was stored; null takes the topic as it is now. */
  readonly topicId: string | null
  /** Called when there is something to take, or an error to meet, or the position has moved by itself. */
  readonly onReady?: () => void
}

/** What the fetcher does for its readers. */
export interface ReaderHost {
  readonly clock: Clock
  readonly isolation: Isolation
  /** The reader has more room, stands elsewhere, or is not to be fetched for any more. */
  changed(reader: PartitionReader, what: 'room' | 'position' | 'failed' | 'closed'): void
  /** Bytes in the buffers of all readers: more than before, or less. */
  buffered(bytes: number): void
}

/** A fetch is asked for when at least this part of the buffer is free: few large ones, not many small ones. */
const refillPart = 0.5
const maxFetchBytes = 2 * 1024 * 1024
/** What the objects of a batch take besides its bytes, so that many small ones count. */
const batchOverheadBytes = 1_024
const maxInt32 = 2 ** 31 - 1

interface BufferedBatch {
  readonly slice: SliceBatch
  readonly sizeBytes: number
}

/** One partition of a task: what has been fetched and not yet taken, in order. */
export class PartitionReader implements TopicPartition {
  readonly topic: string
  readonly partition: number
  topicId: string | null
  /** Goes up when what is under way for the reader is no longer wanted. */
  generation = 0
  readonly #host: ReaderHost
  readonly #options: ReaderOptions
  readonly #waiters: PullWaiters
  #buffer: BufferedBatch[] = []
  #bufferedBytes = 0
  #position: bigint
  #fetchOffset: bigint
  #end: bigint
  /** How many bytes decoded make of one that is fetched. */
  #growth = 1
  #failure: unknown = null
  #isClosed = false
  /** The next batch is larger than what was asked for. */
  #isStuck = false

  constructor(options: ReaderOptions, host: ReaderHost) {
    this.topic = options.topic
    this.partition = options.partition
    this.topicId = options.topicId
    this.#options = options
    this.#host = host
    this.#waiters = new PullWaiters(host.clock)
    this.#position = options.offset
    this.#fetchOffset = options.offset
    this.#end = options.offset
  }

  /** The offset after what was taken, markers of transactions passed over. */
  get position(): bigint {
    return this.#position
  }

  /** Whether `take` has something to return or throw. */
  get isReady(): boolean {
    return this.#buffer.length > 0 || this.#failure !== null
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** The offset to fetch from. */
  get fetchOffset(): bigint {
    return this.#fetchOffset
  }

  get isEmpty(): boolean {
    return this.#buffer.length === 0
  }

  /** Whether the buffer has room for a fetch that is worth it. */
  get wantsMore(): boolean {
    if (this.#isClosed || this.#failure !== null) return false
    return this.#bufferedBytes <= this.#options.bufferBytes * (1 - refillPart)
  }

  /** How much to ask for. */
  get fetchBytes(): number {
    if (this.#isStuck) return maxInt32
    const room = this.#options.bufferBytes - this.#bufferedBytes
    return Math.min(maxFetchBytes, Math.floor(room / this.#growth))
  }

  /**
   * The next whole batches, at least one if there is any, whatever its size; none when nothing has come.
   * @throws PipelineError LOG_CORRUPT, LOG_POSITION_LOST; KafkaError of kind `config` or `fatal`, which
   * is CLOSED after `close`.
   */
  take(maxRecords: number, maxBytes: number): readonly SliceBatch[] {
    if (this.#isClosed) throw closedError()
    if (this.#buffer.length === 0) {
      if (this.#failure !== null) throw this.#failure
      return []
    }
    let count = 0
    let records = 0
    let bytes = 0
    let freed = 0
    for (const { slice, sizeBytes } of this.#buffer) {
      records += slice.batch.count - slice.from
      bytes += slice.batch.bytes.byteLength
      if (count > 0 && (records > maxRecords || bytes > maxBytes)) break
      count += 1
      freed += sizeBytes
    }
    const taken = this.#buffer.splice(0, count).map(({ slice }) => slice)
    this.#position = this.#buffer.length === 0 ? this.#fetchOffset : taken.at(-1)!.next
    this.#free(freed)
    this.#host.changed(this, 'room')
    return taken
  }

  /** Returns when `isReady`, or when the reader is closed or the signal aborts. */
  whenReady(signal: AbortSignal): Promise<void> {
    const isOver = () => this.isReady || this.#isClosed
    return this.#waiters.until({ isOver, waitMs: Infinity, signal })
  }

  /** As `whenReady`, or when all up to `position` has turned out to be nothing that can be seen. */
  whenPast(position: bigint, signal: AbortSignal): Promise<void> {
    const isOver = () => this.isReady || this.#isClosed || this.#position > position
    return this.#waiters.until({ isOver, waitMs: Infinity, signal })
  }

  /** Records that may be read and were not taken yet, those of markers and aborted transactions included. */
  lag(): number {
    const behind = this.#end - this.#position
    return behind > 0n ? Number(behind) : 0
  }

  /** Goes on at another position; an error that the reader has met is forgotten. */
  seek(offset: bigint): void {
    this.generation += 1
    this.#clear()
    this.#failure = null
    this.#isStuck = false
    this.#position = offset
    this.#fetchOffset = offset
    this.#host.changed(this, 'position')
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.generation += 1
    this.#clear()
    this.#host.changed(this, 'closed')
    this.#waiters.wakeReady()
  }

  /** Takes over what a fetch from `fetchOffset` has brought. */
  accept(fetched: FetchedPartition): void {
    const { isolation } = this.#host
    this.#end = isolation === 'read_committed' ? fetched.lastStableOffset : fetched.highWatermark
    if (fetched.records.length === 0) return
    const maxBytes = Math.max(1, this.#options.bufferBytes - this.#bufferedBytes)
    let decoded: DecodedRecords
    try {
      decoded = decodeRecords(fetched, { offset: this.#fetchOffset, isolation, maxBytes })
    } catch (error) {
      this.fail(asReadError(error))
      return
    }
    const { batches, next } = decoded
    const before = this.#bufferedBytes
    this.#isStuck = next === this.#fetchOffset
    for (const [index, batch] of batches.entries()) {
      // The position after the last one lies behind the markers that follow it.
      this.#push(index === batches.length - 1 ? { ...batch, next } : batch)
    }
    if (batches.length === 0) this.#passOver(next)
    this.#fetchOffset = next
    this.#growth = Math.max(1, (this.#bufferedBytes - before) / fetched.records.length)
    this.#wake()
  }

  /** What was fetched before can still be taken; then `take` throws. */
  fail(error: unknown): void {
    if (this.#failure !== null || this.#isClosed) return
    this.#failure = error
    this.#host.changed(this, 'failed')
    this.#wake()
  }

  #push({ baseOffset, batch, from, next }: DecodedBatch): void {
    const { topic, partition } = this
    const sizeBytes = batch.bytes.byteLength + batchOverheadBytes
    const slice = { topic, partition, baseOffset, batch, from, next, visibleUs: Number.NaN }
    this.#buffer.push({ slice, sizeBytes })
    this.#bufferedBytes += sizeBytes
    this.#host.buffered(sizeBytes)
  }

  /** Nothing up to `next` is to be seen. */
  #passOver(next: bigint): void {
    const last = this.#buffer.at(-1)
    if (last === undefined) this.#position = next
    else this.#buffer[this.#buffer.length - 1] = { ...last, slice: { ...last.slice, next } }
  }

  #clear(): void {
    this.#buffer = []
    this.#free(this.#bufferedBytes)
  }

  #free(bytes: number): void {
    this.#bufferedBytes -= bytes
    this.#host.buffered(-bytes)
  }

  #wake(): void {
    this.#options.onReady?.()
    this.#waiters.wakeReady()
  }
}

/** Broken bytes are told from what another version, or another setting, could read. */
function asReadError(error: unknown): unknown {
  if (!(error instanceof KafkaError) || error.kind === 'config') return error
  return new PipelineError('LOG_CORRUPT', error.message, { cause: error })
}

/** Not an empty answer: who waits and takes in turn would never end. */
function closedError(): KafkaError {
  return new KafkaError({ code: 'CLOSED', kind: 'fatal' }, 'reading was stopped')
}
