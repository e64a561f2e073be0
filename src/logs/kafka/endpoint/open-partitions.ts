import type { KafkaSourceOptions, ReadRequest, SourceSlice } from '../../../core/endpoints.ts'
import type { JsonValue } from '../../../core/json.ts'
import { emptyBatch } from '../../../core/record-batch.ts'
import { PullWaiters } from '../../pull-waiters.ts'
import type { KafkaClient, TopicMetadata } from '../client/kafka-client.ts'
import { KafkaError } from '../client/kafka-error.ts'
import { Fetcher } from '../fetching/fetcher.ts'
import { unlessAborted } from '../../../core/unless-aborted.ts'
import { unavailable, type EndpointContext } from './endpoint-context.ts'
import { PartitionMerger } from './merge-partitions.ts'
import { PartitionInput } from './partition-input.ts'
import { isKnownTopic, splitOf, storedPosition } from './source-positions.ts'
import { startPositions, type StartOf } from './start-positions.ts'

export interface OpenPartitionsOptions {
  readonly client: KafkaClient
  readonly context: EndpointContext
  readonly source: KafkaSourceOptions
}

/** For all partitions of a source together, and at least for each. */
const sourceBufferBytes = 16 * 1024 * 1024
const minBufferBytes = 512 * 1024
/** How often new partitions are looked for. */
const lookForNewMs = 30_000
/** How long a partition that is behind may hold up those that have records, so that times stay in order. */
const alignMs = 2_000
/** After which a partition whose end cannot be reached is worth a word. */
const stuckMs = 60_000
const troublePrefix = /^reading from Kafka waits and tries again: /

/** What a source reads from, once it has found out where to begin. */
export class OpenPartitions {
  readonly #options: OpenPartitionsOptions
  readonly #fetcher: Fetcher
  readonly #waiters: PullWaiters
  readonly #merger: PartitionMerger
  readonly #inputs: PartitionInput[] = []
  readonly #closing = new AbortController()
  /** By split: the offset that the caller was told last. */
  readonly #told = new Map<string, bigint>()
  /** Why nothing can be read at the moment. */
  #trouble: string | null = null
  /** The caller waits for word that all is well, or for the first positions. */
  #mustAnswer = true
  /** Looking for new partitions has met something that does not pass. */
  #failure: unknown = null
  #alignUntilUs: number | null = null
  /** Partitions that were waited for in vain: the others go on without them. */
  readonly #leftBehind = new Set<PartitionInput>()

  private constructor(options: OpenPartitionsOptions) {
    const { client, context } = options
    const { clock, random } = context
    this.#options = options
    this.#waiters = new PullWaiters(clock)
    this.#merger = new PartitionMerger(clock)
    // It tells in turn that it cannot read, and that it can again.
    const notice = (message: string) => {
      this.#trouble = this.#trouble === null ? message.replace(troublePrefix, '') : null
      this.#waiters.wakeReady()
    }
    this.#fetcher = new Fetcher({ client, clock, random, notice })
  }

  /** null when the signal has aborted. @throws KafkaError, PipelineError LOG_CORRUPT */
  static async begin(
    topics: readonly TopicMetadata[],
    options: OpenPartitionsOptions & { readonly signal: AbortSignal },
  ): Promise<OpenPartitions | null> {
    const { start, positions } = options.source
    const open = new OpenPartitions(options)
    const added = unlessAborted(
      open.#add(topics, (topic) => (isKnownTopic(topic, positions) ? 'earliest' : start)),
      options.signal,
    )
    try {
      if ((await added) === null) {
        open.close()
        return null
      }
    } catch (error) {
      open.close()
      throw error
    }
    if (!options.source.bounded) void open.#lookForNew()
    return open
  }

  /** As `Source.read`. */
  async read(request: ReadRequest): Promise<SourceSlice | null> {
    const startUs = this.#options.context.clock.monotonicUs()
    for (let isToldStuck = false; ;) {
      if (request.signal.aborted || this.#closing.signal.aborted) return null
      if (this.#failure !== null) throw this.#failure
      const merged = this.#mayMerge() ? this.#merger.merge(this.#inputs, request) : null
      if (merged !== null) return this.#answer(merged)
      if (this.#trouble !== null) {
        this.#mustAnswer = true
        throw unavailable(this.#options.source.connection, this.#trouble)
      }
      if (this.#mustAnswer)
        return this.#answer({ batch: emptyBatch(), failures: [], info: () => ({}) })
      if (this.#inputs.every(({ isDone }) => isDone)) return null
      await this.#wait(request.signal)
      isToldStuck ||= this.#tellWhenStuck(startUs)
    }
  }

  lag(): number {
    return this.#inputs.reduce((sum, input) => sum + input.lag(), 0)
  }

  close(): void {
    this.#closing.abort()
    for (const input of this.#inputs) input.close()
    this.#fetcher.close()
    this.#waiters.wakeReady()
  }

  #answer(slice: Omit<SourceSlice, 'positions'>): SourceSlice {
    this.#mustAnswer = false
    this.#alignUntilUs = null
    const positions = new Map<string, JsonValue>()
    for (const input of this.#inputs) {
      const { split, position } = input
      if (input.isDone) input.close()
      if (this.#told.get(split) === position.offset) continue
      this.#told.set(split, position.offset)
      positions.set(split, storedPosition(position))
    }
    return { ...slice, positions }
  }

  /** Whether the partitions that have records need not wait for others, which may have earlier ones. */
  #mayMerge(): boolean {
    for (const input of this.#leftBehind) if (input.isReady) this.#leftBehind.delete(input)
    if (!this.#inputs.some((input) => input.isReady)) return false
    const behind = this.#inputs.filter((input) => input.isBehind && !this.#leftBehind.has(input))
    if (behind.length === 0 || this.#trouble !== null) return true
    const nowUs = this.#options.context.clock.monotonicUs()
    this.#alignUntilUs ??= nowUs + 1_000 * alignMs
    if (nowUs < this.#alignUntilUs) return false
    for (const input of behind) this.#leftBehind.add(input)
    return true
  }

  /** Returns when there may be something to do. */
  async #wait(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options.context
    const over = new AbortController()
    let hasChanged = false
    const change = () => {
      hasChanged = true
      this.#waiters.wakeReady()
    }
    // Also where what has come is nothing that can be seen.
    for (const input of this.#inputs) {
      if (!input.isReady && !input.isDone) void input.whenChanged(over.signal).then(change)
    }
    const { length } = this.#inputs
    const waitMs =
      this.#alignUntilUs === null
        ? stuckMs
        : Math.max(1, (this.#alignUntilUs - clock.monotonicUs()) / 1_000)
    const isOver = () =>
      hasChanged ||
      this.#trouble !== null ||
      this.#failure !== null ||
      this.#inputs.length > length ||
      this.#closing.signal.aborted
    await this.#waiters.until({ isOver, waitMs, signal })
    over.abort()
  }

  /** Opens the partitions that are not open yet. @param startOf where to begin, without a position. */
  async #add(topics: readonly TopicMetadata[], startOf: StartOf): Promise<true> {
    const { client, source } = this.#options
    const open = new Set(this.#inputs.map(({ split }) => split))
    const added = topics.flatMap(({ name, id, leaders }) =>
      leaders
        .map((_, partition) => ({ topic: name, partition, topicId: id }))
        .filter((place) => !open.has(splitOf(place))),
    )
    if (added.length === 0) return true
    const starts = await startPositions(client, added, { positions: source.positions, startOf })
    // Not the last stable offset: the markers of a transaction follow its end by some milliseconds.
    const ends = await client.listOffsets(added, 'latest', 'read_uncommitted')
    const readableEnds = await client.listOffsets(added, 'latest', 'read_committed')
    const bufferBytes = Math.max(minBufferBytes, sourceBufferBytes / (open.size + added.length))
    for (const [index, place] of added.entries()) {
      const reader = this.#fetcher.open({ ...place, ...starts[index]!, bufferBytes })
      const end = source.bounded ? ends[index]! : null
      const readableEnd = readableEnds[index]!
      this.#inputs.push(new PartitionInput(reader, { ...place, end, readableEnd }))
    }
    return true
  }

  /** What was written to a new partition before it was found is not passed over. */
  async #lookForNew(): Promise<void> {
    const { client, source, context } = this.#options
    const { signal } = this.#closing
    while (!signal.aborted) {
      await context.clock.sleep(lookForNewMs, signal)
      if (signal.aborted) return
      try {
        const topics = await client.describeTopics(source.topics)
        if (!signal.aborted) await this.#add(topics, () => 'earliest')
      } catch (error) {
        // The fetcher meets what is wrong with a topic that is being read.
        if (!(error instanceof KafkaError)) this.#failure = error
      }
      this.#waiters.wakeReady()
    }
  }

  #tellWhenStuck(startUs: number): boolean {
    const { context, source } = this.#options
    const isLong = context.clock.monotonicUs() - startUs >= 1_000 * stuckMs
    const stuck = this.#inputs.find(({ isDone, isReady }) => !isDone && !isReady)
    if (!isLong || !source.bounded || stuck === undefined) return false
    const { topic, partition, position } = stuck
    context.notice(
      `topic ${topic}, partition ${partition}: the source does not end, since records from offset ${position.offset} ` +
        'on cannot be read; a transaction there neither commits nor aborts, and kafka-transactions.sh find-hanging names its producer',
    )
    return true
  }
}
