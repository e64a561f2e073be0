import type { PullRequest, SliceBatch } from '../../../core/log.ts'
import { PullWaiters } from '../../pull-waiters.ts'
import type { PartitionReader } from '../fetching/partition-reader.ts'
import type { KafkaContext } from '../kafka-context.ts'
import { patiently } from '../patiently.ts'
import { unlessAborted } from '../../../core/unless-aborted.ts'
import type { Position } from './start-positions.ts'
import { TakeInTurn } from './take-in-turn.ts'

/** For all inputs of a task together. */
const taskBufferBytes = 8 * 1024 * 1024
const minBufferBytes = 512 * 1024
/** After which a partition whose end cannot be reached is worth a word. */
const stuckMs = 60_000

/** How far a task has read its inputs, and how it chooses among them: what has come of each in turn. */
export class KafkaTaskInputs {
  readonly #context: KafkaContext
  readonly #readers: readonly PartitionReader[]
  readonly #waiters: PullWaiters
  readonly #taking: TakeInTurn
  #isClosed = false
  /** As asked for when somebody wanted to know the lag first: fetches tell later ones. */
  #ends: Promise<readonly bigint[]> | null = null

  constructor(context: KafkaContext, inputs: readonly Position[]) {
    this.#context = context
    this.#waiters = new PullWaiters(context.clock)
    const bufferBytes = Math.max(minBufferBytes, taskBufferBytes / Math.max(1, inputs.length))
    const onReady = () => this.#waiters.wakeReady()
    this.#readers = inputs.map((input) => context.fetcher.open({ ...input, bufferBytes, onReady }))
    this.#taking = new TakeInTurn(this.#readers)
  }

  /** The offset after what was handed out, by input. */
  get read(): readonly bigint[] {
    return this.#readers.map(({ position }) => position)
  }

  /**
   * As `TaskLog.pull`. With `waitMs` 0 it returns null only when nothing is left of what was committed
   * before the call: what the brokers have is asked for, not what has come.
   */
  async pull(request: PullRequest): Promise<readonly SliceBatch[] | null> {
    const ready = this.#take(request)
    if (ready.length > 0) return ready
    if (request.waitMs <= 0) await this.#catchUp(request.signal)
    else {
      await this.#waiters.until({
        isOver: () => this.#isClosed || this.#taking.isReady,
        waitMs: request.waitMs,
        signal: request.signal,
      })
    }
    const batches = this.#take(request)
    return batches.length > 0 ? batches : null
  }

  async lag(): Promise<number[]> {
    // Before the first fetch is answered the readers know of nothing that lies ahead.
    this.#ends ??= this.#askEnds('read_committed')
    const ends = await this.#ends
    return this.#readers.map((reader, index) =>
      Math.max(reader.lag(), Number(ends[index]! - reader.position)),
    )
  }

  close(): void {
    this.#isClosed = true
    for (const reader of this.#readers) reader.close()
    this.#waiters.wakeReady()
  }

  #take(request: PullRequest): SliceBatch[] {
    if (this.#isClosed || request.signal.aborted) return []
    return this.#taking.take(request)
  }

  async #askEnds(isolation: 'read_committed' | 'read_uncommitted'): Promise<readonly bigint[]> {
    if (this.#readers.length === 0) return []
    const { client } = this.#context
    const places = this.#readers.map(({ topic, partition }) => ({ topic, partition }))
    return patiently(this.#context, () => client.listOffsets(places, 'latest', isolation))
  }

  /** Returns when something is ready, or nothing is left of what the partitions hold now. */
  async #catchUp(signal: AbortSignal): Promise<void> {
    if (this.#readers.length === 0) return
    // Not the last stable offset: the markers of a transaction follow its end by some milliseconds.
    const ends = await unlessAborted(this.#askEnds('read_uncommitted'), signal)
    if (ends === null) return
    const isAtEnd = () => this.#readers.every((reader, index) => reader.position >= ends[index]!)
    const isOver = () => this.#isClosed || this.#taking.isReady || isAtEnd()
    if (isOver()) return
    const noticed = new AbortController()
    const telling = this.#tellWhenStuck(ends, noticed.signal)
    await this.#waiters.until({ isOver, waitMs: Infinity, signal })
    noticed.abort()
    await telling
  }

  async #tellWhenStuck(ends: readonly bigint[], signal: AbortSignal): Promise<void> {
    const { clock, notice } = this.#context
    await clock.sleep(stuckMs, signal)
    if (signal.aborted) return
    const index = this.#readers.findIndex((reader, at) => reader.position < ends[at]!)
    const reader = this.#readers[index]
    if (reader === undefined) return
    notice(
      `topic ${reader.topic}, partition ${reader.partition}: records from offset ${reader.position} on cannot be ` +
        'read, a transaction there neither commits nor aborts; kafka-transactions.sh find-hanging names its producer',
    )
  }
}
