import type { Clock, Random } from '../../../core/clock.ts'
import { messageOf } from '../../../core/errors.ts'
import type { FetchedPartition, Isolation, KafkaClient, NodeId } from '../client/kafka-client.ts'
import { KafkaError } from '../client/kafka-error.ts'
import { RetryDelay } from '../retry-delay.ts'
import {
  partitionMissing,
  positionOutOfRange,
  topicMissing,
  topicRecreated,
} from './lost-position.ts'
import { NodeFetches } from './node-fetches.ts'
import { PartitionReader, type ReaderOptions } from './partition-reader.ts'
import { TopicLookup } from './topic-lookup.ts'

export interface FetcherOptions {
  readonly client: KafkaClient
  readonly clock: Clock
  readonly random: Random
  readonly isolation?: Isolation
  /** Of the buffers of all readers together. */
  readonly totalBytes?: number
  /** Told once when a broker cannot be read from, and once when it can again. */
  readonly notice?: (message: string) => void
}

const defaultTotalBytes = 64 * 1024 * 1024
const retryDelays = { firstMs: 20, maxMs: 30_000 }
/** How often the ids of topics are looked at, besides after every error. */
const checkTopicsMs = 60_000
/** How long a topic may be missing: a broker that has just started does not know all. */
const missingTopicMs = 5_000

/**
 * Reads ahead for all readers of this process, with one fetch at a time to each broker. A reader whose
 * buffer is full is left out: that is all the back-pressure there is.
 */
export class Fetcher {
  readonly #options: FetcherOptions
  readonly #isolation: Isolation
  readonly #lookup: TopicLookup
  readonly #nodes = new Map<NodeId, NodeFetches>()
  readonly #readers = new Set<PartitionReader>()
  readonly #delays = new WeakMap<object, RetryDelay>()
  readonly #closing = new AbortController()
  #bufferedBytes = 0
  /** Readers that nothing can be fetched for at the moment. */
  readonly #troubled = new Set<PartitionReader>()

  constructor(options: FetcherOptions) {
    this.#options = options
    this.#isolation = options.isolation ?? 'read_committed'
    this.#lookup = new TopicLookup(options.client)
    void this.#watchTopics()
  }

  /** Bytes that are read ahead at the moment. */
  get bufferedBytes(): number {
    return this.#bufferedBytes
  }

  open(options: ReaderOptions): PartitionReader {
    const reader = new PartitionReader(options, {
      clock: this.#options.clock,
      isolation: this.#isolation,
      buffered: (bytes) => {
        this.#bufferedBytes += bytes
      },
      changed: (changed, what) => this.#changed(changed, what),
    })
    this.#readers.add(reader)
    void this.#place(reader)
    return reader
  }

  close(): void {
    this.#closing.abort()
    for (const fetches of this.#nodes.values()) fetches.close()
    for (const reader of this.#readers) reader.close()
  }

  #changed(reader: PartitionReader, what: 'room' | 'position' | 'failed' | 'closed'): void {
    if (what === 'room') {
      // It may have been the memory of all that was used up.
      for (const each of this.#nodes.values()) each.wake()
      return
    }
    const fetches = this.#fetchesOf(reader)
    if (what === 'position') {
      if (fetches === undefined) void this.#place(reader)
      else fetches.interrupt()
      return
    }
    fetches?.readers.delete(reader)
    this.#calm(reader)
    if (what === 'closed') this.#readers.delete(reader)
  }

  #fetchesOf(reader: PartitionReader): NodeFetches | undefined {
    return [...this.#nodes.values()].find(({ readers }) => readers.has(reader))
  }

  /** Finds out who leads the partition, and has it read from there. */
  async #place(reader: PartitionReader): Promise<void> {
    const { generation } = reader
    const missingUs = this.#options.clock.monotonicUs() + missingTopicMs * 1_000
    const isWanted = () => !this.#closing.signal.aborted && reader.generation === generation
    while (isWanted()) {
      try {
        const isThere = await this.#checkTopic(reader)
        if (isThere) {
          const node = await this.#options.client.leaderOf(reader)
          if (isWanted()) this.#nodeFetches(node).add(reader)
          return
        }
        if (this.#options.clock.monotonicUs() > missingUs) throw topicMissing(reader.topic)
      } catch (error) {
        if (!isWanted()) return
        if (!mayPass(error)) {
          reader.fail(error)
          return
        }
        this.#trouble(reader, error)
      }
      await this.#pause(reader)
    }
  }

  /** Whether the reader's topic is the one that its position belongs to; false when it is not there. */
  async #checkTopic(reader: PartitionReader): Promise<boolean> {
    const described = await this.#lookup.describe(reader.topic)
    if (described === undefined) return false
    const { id, leaders } = described
    if (id !== null && reader.topicId !== null && id !== reader.topicId) {
      throw topicRecreated(reader.topic, { before: reader.topicId, now: id })
    }
    reader.topicId ??= id
    if (reader.partition >= leaders.length) throw partitionMissing(reader, leaders.length)
    return true
  }

  #nodeFetches(node: NodeId): NodeFetches {
    const known = this.#nodes.get(node)
    if (known !== undefined) return known
    const { client, clock, totalBytes = defaultTotalBytes } = this.#options
    const fetches = new NodeFetches({
      client,
      clock,
      isolation: this.#isolation,
      node,
      roomBytes: () => totalBytes - this.#bufferedBytes,
      onFetched: (reader, fetched) => this.#fetched(reader, fetched),
      onAnswer: () => this.#delays.get(fetches)?.succeeded(),
      onError: (failed, error) => this.#nodeFailed(failed, error),
    })
    this.#nodes.set(node, fetches)
    return fetches
  }

  #fetched(reader: PartitionReader, fetched: FetchedPartition): void {
    const { error } = fetched
    if (error === null) {
      this.#delays.get(reader)?.succeeded()
      this.#calm(reader)
      reader.accept(fetched)
      return
    }
    this.#fetchesOf(reader)?.readers.delete(reader)
    if (error.code === 'OFFSET_OUT_OF_RANGE') void this.#outOfRange(reader, error)
    else if (mayPass(error)) void this.#pause(reader).then(() => this.#place(reader))
    else reader.fail(error)
  }

  /** Says what became of the records at the reader's position. */
  async #outOfRange(reader: PartitionReader, error: KafkaError): Promise<void> {
    const { client } = this.#options
    const { generation, fetchOffset } = reader
    try {
      // A topic that was made anew is named as such, not as one that lost records.
      if (!(await this.#checkTopic(reader))) throw topicMissing(reader.topic)
      const [start] = await client.listOffsets([reader], 'earliest', this.#isolation)
      const [end] = await client.listOffsets([reader], 'latest', 'read_uncommitted')
      if (start === undefined || end === undefined) throw error
      if (fetchOffset < start || fetchOffset > end) {
        throw positionOutOfRange(reader, { position: fetchOffset, start, end })
      }
    } catch (found) {
      if (reader.generation !== generation) return
      if (!mayPass(found)) {
        reader.fail(found)
        return
      }
    }
    // It exists after all, or that cannot be told for the moment.
    await this.#pause(reader)
    if (reader.generation === generation) await this.#place(reader)
  }

  /** Waits, and then finds out for all readers where they are to be read from. */
  async #nodeFailed(fetches: NodeFetches, error: unknown): Promise<void> {
    if (!mayPass(error)) {
      for (const reader of fetches.readers) reader.fail(error)
      return
    }
    for (const reader of fetches.readers) this.#trouble(reader, error)
    await this.#pause(fetches)
    const readers = [...fetches.readers]
    fetches.readers.clear()
    // They come back, those whose partitions have not moved.
    for (const reader of readers) void this.#place(reader)
  }

  #pause(of: PartitionReader | NodeFetches): Promise<void> {
    const { clock, random } = this.#options
    const delay = this.#delays.get(of) ?? new RetryDelay(retryDelays, random)
    this.#delays.set(of, delay)
    return clock.sleep(delay.next(), this.#closing.signal)
  }

  #trouble(reader: PartitionReader, error: unknown): void {
    if (this.#troubled.size === 0) {
      this.#options.notice?.(`reading from Kafka waits and tries again: ${messageOf(error)}`)
    }
    this.#troubled.add(reader)
  }

  /** Its records come again, or nobody wants them any more. */
  #calm(reader: PartitionReader): void {
    if (this.#troubled.delete(reader) && this.#troubled.size === 0) {
      this.#options.notice?.('reading from Kafka goes on')
    }
  }

  /** Topics that were made anew while nobody had an error. */
  async #watchTopics(): Promise<void> {
    const { clock } = this.#options
    const { signal } = this.#closing
    while (!signal.aborted) {
      await clock.sleep(checkTopicsMs, signal)
      if (signal.aborted) return
      await Promise.all([...this.#readers].map((reader) => this.#watchTopic(reader)))
    }
  }

  async #watchTopic(reader: PartitionReader): Promise<void> {
    try {
      await this.#checkTopic(reader)
    } catch (error) {
      if (!mayPass(error)) reader.fail(error)
    }
  }
}

/** Whether trying again can help. */
function mayPass(error: unknown): boolean {
  return (
    error instanceof KafkaError &&
    (error.kind === 'retriable' || error.kind === 'indefinite' || error.kind === 'rebalance')
  )
}
