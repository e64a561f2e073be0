import { messageOf } from '../../../core/errors.ts'
import type { StateChange, TopicPartition } from '../../../core/log.ts'
import { RecordBatchBuilder } from '../../../core/record-batch-builder.ts'
import { emptyBytes, type RecordBatch } from '../../../core/record-batch.ts'
import type { KafkaContext } from '../kafka-context.ts'
import { rangeOf } from '../partition-scan.ts'
import {
  changeKey,
  changeValue,
  commitKey,
  decodeNote,
  encodeNote,
  type CommitNote,
} from './changelog-records.ts'
import { CacheAge } from './cache-age.ts'
import { CacheFollower } from './cache-follower.ts'
import {
  readChangelog,
  scanTexts,
  type ChangelogContent,
  type UsableCache,
} from './read-changelog.ts'
import type { CachedChangelog } from './state-cache.ts'

export interface ChangelogOptions {
  readonly taskId: string
  readonly place: TopicPartition
  /** Whether there is such a topic: without it there is no state, and nothing can be committed. */
  readonly isThere: boolean
  /** null: not known. */
  readonly topicId: string | null
}

export interface ChangelogCommit {
  readonly note: CommitNote
  readonly changesState: boolean
  readonly output: TopicPartition & { readonly batch: RecordBatch }
}

const noContent: ChangelogContent = { entries: [], note: null, end: 0n }
/** How far from its end a partition is looked through for the last commit, which only markers follow. */
const lastOffsets = 1_000n

/** The state of one task in its partition of a compacted topic, which the task's transactions alone write. */
export class Changelog {
  readonly #context: KafkaContext
  readonly #options: ChangelogOptions
  readonly #builder: RecordBatchBuilder
  readonly #follower: CacheFollower | null
  #note: CommitNote | null
  /** As read when it was opened, until somebody asks for it or it is no longer true. */
  #entries: readonly StateChange[] | null

  private constructor(
    context: KafkaContext,
    options: ChangelogOptions,
    {
      content,
      usable,
    }: { readonly content: ChangelogContent; readonly usable: UsableCache | null },
  ) {
    this.#context = context
    this.#options = options
    this.#builder = new RecordBatchBuilder(options.taskId)
    this.#note = content.note
    this.#entries = content.entries
    this.#follower = usable === null ? null : new CacheFollower(context, options.place, usable)
  }

  /**
   * Reads the state. To be called once nobody else can commit any more.
   * @throws PipelineError LOG_POSITION_LOST, LOG_CORRUPT, LOG_VERSION; KafkaError
   */
  static async open(context: KafkaContext, options: ChangelogOptions): Promise<Changelog> {
    const { place, topicId, isThere } = options
    if (!isThere) return new Changelog(context, options, { content: noContent, usable: null })
    const usable = topicId === null ? null : await openCache(context, { ...place, topicId })
    try {
      const content = await readChangelog(context, place, usable)
      return new Changelog(context, options, { content, usable })
    } catch (error) {
      await usable?.cache.close()
      throw error
    }
  }

  /** What the last commit said about itself; null: there was none. */
  get note(): CommitNote | null {
    return this.#note
  }

  /** The state as of the last commit. */
  async restore(): Promise<readonly StateChange[]> {
    const entries = this.#entries
    this.#entries = null
    if (entries !== null) return entries
    return (await readChangelog(this.#context, this.#options.place, null)).entries
  }

  /** What is to be written with a commit. @param positions all that the task has once it is committed. */
  next(state: readonly StateChange[], positions: CommitNote['positions']): ChangelogCommit {
    const note = { number: (this.#note?.number ?? 0) + 1, positions }
    const timestampMs = this.#context.clock.wallMs()
    const times = { timestampMs, eventTimeMs: NaN, ingestUs: 0, waitUs: 0, runUs: 0 }
    const builder = this.#builder
    for (const change of state) {
      const [key, value] = [changeKey(change), changeValue(change)]
      builder.append({ key, value, headers: emptyBytes, times })
    }
    builder.append({ key: commitKey, value: encodeNote(note), headers: emptyBytes, times })
    const output = { ...this.#options.place, batch: builder.finish() }
    return { note, changesState: state.length > 0, output }
  }

  /** Whether the commit is what is stored last. */
  async holds({ note }: ChangelogCommit): Promise<boolean> {
    const { place } = this.#options
    const { start, end } = await rangeOf(this.#context, place)
    const from = end - lastOffsets > start ? end - lastOffsets : start
    let last = 0
    await scanTexts(this.#context, { ...place, from, to: end }, (key, value) => {
      if (key === commitKey && value !== null) last = decodeNote(value).number
    })
    return last === note.number
  }

  committed({ note, changesState }: ChangelogCommit): void {
    this.#note = note
    if (changesState) this.#entries = null
    this.#follower?.wake()
  }

  async close(): Promise<void> {
    this.#entries = null
    await this.#follower?.close()
  }
}

/** Without its cache a task only takes longer to open. */
async function openCache(
  { caches, client, notice }: KafkaContext,
  { topic, topicId, partition }: CachedChangelog,
): Promise<UsableCache | null> {
  if (caches === null) return null
  try {
    const configs = await client.describeConfigs([topic])
    const cache = await caches.open({ topic, topicId, partition })
    return cache === null ? null : { cache, age: new CacheAge(configs.get(topic)) }
  } catch (error) {
    notice(
      `the state of ${topic} is not kept on this machine, so that opening it takes longer: ${messageOf(error)}`,
    )
    return null
  }
}
