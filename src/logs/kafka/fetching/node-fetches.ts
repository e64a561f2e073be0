import type { Clock } from '../../../core/clock.ts'
import { releaseWhole } from '../../../core/release-bytes.ts'
import type {
  FetchedPartition,
  FetchRequest,
  Isolation,
  KafkaClient,
  NodeId,
} from '../client/kafka-client.ts'
import type { PartitionReader } from './partition-reader.ts'

export interface NodeFetchesOptions {
  readonly client: KafkaClient
  readonly clock: Clock
  readonly isolation: Isolation
  readonly node: NodeId
  /** How much the buffers of all readers have room for. */
  readonly roomBytes: () => number
  /** What a fetch brought for a reader that still stands where it was asked for. */
  readonly onFetched: (reader: PartitionReader, fetched: FetchedPartition) => void
  readonly onAnswer: () => void
  /** A fetch got no answer; resolves when the next one may be sent, for the readers that are left. */
  readonly onError: (fetches: NodeFetches, error: unknown) => Promise<void>
}

/** How long a fetch waits at the broker for a first record. */
const longWaitMs = 500
/** The same, while readers with full buffers are left out: they want back in soon. */
const shortWaitMs = 10
/** All answers are held in memory as a whole. */
const maxAnswerBytes = 16 * 1024 * 1024
const minFetchBytes = 16 * 1024

/** The fetches from one broker, one at a time, for all readers whose partitions it leads. */
export class NodeFetches {
  readonly node: NodeId
  readonly readers = new Set<PartitionReader>()
  readonly #options: NodeFetchesOptions
  readonly #closing = new AbortController()
  /** Ends the fetch under way, or the wait for something to fetch. */
  #interrupt = new AbortController()
  #isIdle = false
  #turn = 0

  constructor(options: NodeFetchesOptions) {
    this.node = options.node
    this.#options = options
    void this.#run()
  }

  /** The reader's next records come from here; the fetch under way, which may wait long, is given up. */
  add(reader: PartitionReader): void {
    this.readers.add(reader)
    this.#interrupt.abort()
  }

  /** A reader has room again. */
  wake(): void {
    if (this.#isIdle) this.#interrupt.abort()
  }

  /** A reader stands elsewhere: what is under way for it is of no use. */
  interrupt(): void {
    this.#interrupt.abort()
  }

  close(): void {
    this.#closing.abort()
    this.#interrupt.abort()
  }

  async #run(): Promise<void> {
    const { clock, client, onAnswer, onError } = this.#options
    const { signal } = this.#closing
    while (!signal.aborted) {
      this.#interrupt = new AbortController()
      const wanting = this.#wanting()
      if (wanting.length === 0) {
        this.#isIdle = true
        await clock.sleep(Infinity, this.#interrupt.signal)
        this.#isIdle = false
        continue
      }
      const generations = wanting.map(({ generation }) => generation)
      const isWanted = (reader: PartitionReader, index: number) =>
        this.readers.has(reader) && reader.generation === generations[index]
      try {
        const interrupt = this.#interrupt.signal
        const fetched = await client.fetch(this.node, this.#request(wanting), interrupt)
        if (signal.aborted) return
        if (!interrupt.aborted) onAnswer()
        this.#handOut(fetched, wanting.filter(isWanted))
        // All of it lies in one frame, and what was in it has been copied.
        if (fetched.length > 0) releaseWhole(fetched[0]!.records)
      } catch (error) {
        if (signal.aborted) return
        await onError(this, error)
      }
    }
  }

  /** Another reader is the first each time: what does not fit into one answer comes with the next. */
  #wanting(): PartitionReader[] {
    const isFull = this.#options.roomBytes() <= 0
    const wanting = [...this.readers].filter(
      // When all memory is used, those that have something to go on with wait.
      (reader) => reader.wantsMore && (!isFull || reader.isEmpty),
    )
    if (wanting.length === 0) return wanting
    this.#turn = (this.#turn + 1) % wanting.length
    return [...wanting.slice(this.#turn), ...wanting.slice(0, this.#turn)]
  }

  #request(wanting: readonly PartitionReader[]): FetchRequest {
    const room = Math.max(minFetchBytes, Math.min(maxAnswerBytes, this.#options.roomBytes()))
    return {
      maxWaitMs: wanting.length < this.readers.size ? shortWaitMs : longWaitMs,
      minBytes: 1,
      maxBytes: room,
      isolation: this.#options.isolation,
      partitions: wanting.map(({ topic, partition, fetchOffset, fetchBytes }) => ({
        topic,
        partition,
        offset: fetchOffset,
        maxBytes: Math.max(minFetchBytes, fetchBytes),
      })),
    }
  }

  #handOut(fetched: readonly FetchedPartition[], wanted: readonly PartitionReader[]): void {
    const readers = new Map(wanted.map((reader) => [`${reader.topic}/${reader.partition}`, reader]))
    for (const partition of fetched) {
      const reader = readers.get(`${partition.topic}/${partition.partition}`)
      if (reader !== undefined) this.#options.onFetched(reader, partition)
    }
  }
}
