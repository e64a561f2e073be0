import { messageOf, PipelineError } from '../../core/errors.ts'
import { decodeJson, type JsonValue } from '../../core/json.ts'
import type { SliceBatch } from '../../core/log.ts'
import {
  tableKey,
  type Table,
  type TableEnvironment,
  type TopicTableSettings,
} from '../../core/table.ts'
import type { TopicFollower } from '../../core/topic-follower.ts'
import { unlessAborted } from '../../core/unless-aborted.ts'

/** How long a topic that could not be read is left alone. */
const pauseMs = 1_000

/** The last value of each key of a topic, as it is now. */
export class TopicTable implements Table {
  readonly #name: string
  readonly #settings: TopicTableSettings
  readonly #environment: TableEnvironment
  readonly #rows = new Map<string, JsonValue>()
  readonly #stop = new AbortController()
  readonly #ended: Promise<void>
  #isReady = false
  /** Resolves once the table is ready, or cannot be read. */
  #opening = Promise.withResolvers<void>()
  #problem: PipelineError | null = null
  #hasToldUnreadable = false

  constructor(name: string, settings: TopicTableSettings, environment: TableEnvironment) {
    const { topics } = environment
    if (topics === undefined)
      throw new PipelineError(
        'CONFIG_USAGE',
        `the table "${name}" is a topic, and no log is read here`,
      )
    this.#name = name
    this.#settings = settings
    this.#environment = environment
    this.#ended = this.#run(topics)
  }

  find(
    key: JsonValue,
    signal: AbortSignal,
  ): JsonValue | undefined | Promise<JsonValue | undefined> {
    if (this.#problem !== null) throw this.#problem
    const text = tableKey(key)
    if (text === null) return undefined
    return this.#isReady ? this.#rows.get(text) : this.#findOnceReady(key, signal)
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#ended
  }

  async #findOnceReady(key: JsonValue, signal: AbortSignal): Promise<JsonValue | undefined> {
    await unlessAborted(this.#opening.promise, signal)
    return signal.aborted ? undefined : this.find(key, signal)
  }

  async #run(topics: TopicFollower): Promise<void> {
    const { signal } = this.#stop
    const request = {
      topic: this.#settings.topic,
      start: 'earliest',
      signal,
      onCaughtUp: () => this.#becomeReady(),
    } as const
    while (!signal.aborted) {
      try {
        for await (const slice of topics.follow(request)) this.#take(slice)
      } catch (thrown) {
        this.#fail(thrown)
        if (this.#problem?.kind !== 'unavailable') return
      }
      await this.#environment.clock.sleep(pauseMs, signal)
      // What it has is kept, and no one finds it until it is known to be of now.
      this.#isReady = false
      this.#problem = null
    }
  }

  #becomeReady(): void {
    this.#isReady = true
    this.#opening.resolve()
  }

  #fail(thrown: unknown): void {
    const isFinal = thrown instanceof PipelineError && thrown.code === 'STATE_FULL'
    this.#problem = isFinal
      ? thrown
      : new PipelineError(
          'PEER_UNAVAILABLE',
          `the table "${this.#name}" cannot read the topic ${this.#settings.topic}: ${messageOf(thrown)}`,
          { cause: thrown },
        )
    this.#opening.resolve()
    this.#opening = Promise.withResolvers()
  }

  #take({ batch, from }: SliceBatch): void {
    for (let index = from; index < batch.count; index++) {
      const key = batch.isMarker(index) ? null : batch.keyText(index)
      if (key !== null) this.#set(key, batch.valueText(index))
    }
  }

  /** @throws PipelineError STATE_FULL */
  #set(key: string, text: string | null): void {
    if (text === null) {
      this.#rows.delete(key)
      return
    }
    const { maxKeys, topic } = this.#settings
    if (this.#rows.size >= maxKeys && !this.#rows.has(key))
      throw new PipelineError(
        'STATE_FULL',
        `the table "${this.#name}" holds ${maxKeys} keys of the topic ${topic}, and there are more; raise its max_keys`,
      )
    try {
      this.#rows.set(key, decodeJson(text))
    } catch {
      this.#tellUnreadable(key)
    }
  }

  /** The value before stays. */
  #tellUnreadable(key: string): void {
    if (this.#hasToldUnreadable) return
    this.#hasToldUnreadable = true
    const { topic } = this.#settings
    this.#environment.log(
      'warn',
      `the table "${this.#name}" leaves out values of the topic ${topic} that are no JSON; the first has the key ${JSON.stringify(key)}`,
      {},
    )
  }
}
