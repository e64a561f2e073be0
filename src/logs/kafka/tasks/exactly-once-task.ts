import { invariant, type PipelineError } from '../../../core/errors.ts'
import { releaseOwnBytes } from '../../../core/release-bytes.ts'
import type {
  PullRequest,
  SliceBatch,
  StateChange,
  TaskCommit,
  TaskLog,
} from '../../../core/log.ts'
import type { KafkaContext } from '../kafka-context.ts'
import { toPipelineError, translated } from '../pipeline-error.ts'
import type { TransactionalProducer } from '../producing/transactional-producer.ts'
import type { Changelog, ChangelogCommit } from '../state/changelog.ts'
import { CommitQueue } from './commit-queue.ts'
import { InputPositions } from './input-positions.ts'
import { KafkaTaskInputs } from './kafka-task-inputs.ts'
import { OutputTopics } from './output-topics.ts'
import type { Position } from './start-positions.ts'
import { recordLimits } from './record-limits.ts'
import { untilDoneOr } from '../until-done-or.ts'

export interface ExactlyOnceOptions {
  readonly id: string
  readonly group: string
  readonly positions: readonly Position[]
  readonly producer: TransactionalProducer
  /** null: the task has no state. */
  readonly changelog: Changelog | null
}

/** How long `close` waits for the commit under way; then it is aborted, or found out about later. */
const closeMs = 2_000
/** Brokers forget positions that nobody has stored for days, also where nothing has come to be read. */
const refreshMs = 6 * 60 * 60_000

/** A task whose commits are transactions: outputs, state and positions, all or nothing. */
export class ExactlyOnceTask implements TaskLog {
  readonly #context: KafkaContext
  readonly #options: ExactlyOnceOptions
  readonly #inputs: KafkaTaskInputs
  readonly #positions: InputPositions
  readonly #outputs: OutputTopics
  readonly #queue = new CommitQueue()
  readonly #closing = new AbortController()
  /** After an error of the producer: it commits nothing more. */
  #failure: PipelineError | null = null

  constructor(context: KafkaContext, options: ExactlyOnceOptions) {
    this.#context = context
    this.#options = options
    this.#positions = new InputPositions(context, options.positions)
    this.#inputs = new KafkaTaskInputs(context, options.positions)
    this.#outputs = new OutputTopics(context)
    if (options.positions.length > 0) void this.#refreshNow()
  }

  get positions(): readonly bigint[] {
    return this.#positions.offsets
  }

  async restore(): Promise<readonly StateChange[]> {
    const { changelog, id } = this.#options
    return translated(`restoring ${id}`, async () => (await changelog?.restore()) ?? [])
  }

  pull(request: PullRequest): Promise<readonly SliceBatch[] | null> {
    return translated(`reading for ${this.#options.id}`, () => this.#inputs.pull(request))
  }

  async commit(commit: TaskCommit): Promise<{ visibleUs: number }> {
    const { id } = this.#options
    invariant(!this.#closing.signal.aborted, `task ${id} was closed: it commits no more`)
    await this.#queue.run(() => this.#commit(commit))
    return { visibleUs: this.#context.clock.monotonicUs() }
  }

  recordLimits(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return recordLimits(this.#context, this.#options.id, topics)
  }

  lag(): Promise<readonly number[]> {
    return translated(`looking how far ${this.#options.id} is`, () => this.#inputs.lag())
  }

  async close(): Promise<void> {
    const { producer, changelog } = this.#options
    this.#closing.abort()
    this.#inputs.close()
    await untilDoneOr(this.#context.clock, closeMs, this.#queue.idle)
    await producer.close()
    await changelog?.close()
  }

  async #commit(commit: TaskCommit): Promise<void> {
    const { id, changelog } = this.#options
    if (this.#failure !== null) throw this.#failure
    invariant(commit.state.length === 0 || changelog !== null, `task ${id} keeps its state nowhere`)
    const moves = this.#positions.check(commit.next, this.#inputs.read)
    if (moves !== null) await translated(`committing ${id}`, () => moves)
    const isEmpty =
      commit.outputs.length === 0 && commit.state.length === 0 && commit.next.length === 0
    // An empty commit says all the same whether the task is still this one's.
    const next = isEmpty ? this.#positions.all : commit.next
    const changes = changelog?.next(commit.state, this.#positions.after(next)) ?? null
    const outputs = changes === null ? commit.outputs : [...commit.outputs, changes.output]
    const checked = this.#outputs.check(outputs)
    if (checked !== null) await translated(`committing ${id}`, () => checked)
    if (outputs.length === 0 && next.length === 0) return
    await this.#write({ outputs, next, changes })
    if (changes !== null) changelog!.committed(changes)
    this.#positions.committed(next)
  }

  async #write({
    outputs,
    next,
    changes,
  }: Pick<TaskCommit, 'outputs' | 'next'> & {
    readonly changes: ChangelogCommit | null
  }): Promise<void> {
    const { id, group, producer, changelog } = this.#options
    const offsets = next.map(({ topic, partition, offset }) => ({ topic, partition, offset }))
    const content = {
      outputs,
      offsets: offsets.length === 0 ? [] : [{ group, offsets }],
      ...(changes === null ? {} : { decide: () => changelog!.holds(changes) }),
      // Positions that do not move are the same whether this was kept or not.
      ...(outputs.length > 0 ? {} : { decide: () => Promise.resolve(true) }),
    }
    try {
      // Nothing was kept: the same results of the same slice, once more.
      while ((await producer.commit(content)) === 'not_kept') {
        this.#outputs.forget()
        await this.#outputs.check(outputs)
      }
    } catch (thrown) {
      this.#failure = toPipelineError(thrown, `committing ${id}`)
      throw this.#failure
    }
    this.#context.onTrouble(null)
    for (const { batch } of outputs) releaseOwnBytes(batch.bytes)
  }

  async #refreshNow(): Promise<void> {
    const { clock, notice } = this.#context
    const { signal } = this.#closing
    for (;;) {
      await clock.sleep(refreshMs, signal)
      if (signal.aborted) return
      try {
        await this.commit({ outputs: [], state: [], next: [] })
      } catch (error) {
        // Whoever commits next meets the same.
        notice(`storing the positions of ${this.#options.id} again: ${String(error)}`)
        return
      }
    }
  }
}
