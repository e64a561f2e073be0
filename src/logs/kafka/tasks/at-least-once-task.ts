import type {
  PullRequest,
  SliceBatch,
  StateChange,
  TaskCommit,
  TaskLog,
} from '../../../core/log.ts'
import { invariant } from '../../../core/errors.ts'
import { releaseOwnBytes } from '../../../core/release-bytes.ts'
import type { KafkaContext } from '../kafka-context.ts'
import { translated } from '../pipeline-error.ts'
import { InputPositions } from './input-positions.ts'
import { KafkaTaskInputs } from './kafka-task-inputs.ts'
import { OffsetCommitter } from './offset-committer.ts'
import { OutputTopics } from './output-topics.ts'
import type { Position } from './start-positions.ts'
import { recordLimits } from './record-limits.ts'
import { untilDoneOr } from '../until-done-or.ts'

export interface AtLeastOnceOptions {
  readonly id: string
  readonly group: string
  readonly positions: readonly Position[]
}

/** How long `close` waits for what is under way: what is not stored by then is only done again. */
const closeMs = 2_000

/**
 * A task without state: its outputs are stored, then its positions, some of them at a time. Records between
 * the two are processed again after a crash, and after nothing else.
 */
export class AtLeastOnceTask implements TaskLog {
  readonly #id: string
  readonly #context: KafkaContext
  readonly #inputs: KafkaTaskInputs
  readonly #positions: InputPositions
  readonly #outputs: OutputTopics
  readonly #committer: OffsetCommitter
  readonly #closing = new AbortController()
  #isClosed = false
  /** The commit called last: one is answered when all before it were kept. */
  #last: Promise<void> = Promise.resolve()
  /** Resolves when what was handed in has been handed on; null: it has. */
  #checking: Promise<void> | null = null

  constructor(context: KafkaContext, task: AtLeastOnceOptions) {
    this.#id = task.id
    this.#context = context
    this.#positions = new InputPositions(context, task.positions)
    this.#inputs = new KafkaTaskInputs(context, task.positions)
    this.#outputs = new OutputTopics(context)
    this.#committer = new OffsetCommitter(context, task.group)
  }

  get positions(): readonly bigint[] {
    return this.#positions.offsets
  }

  async restore(): Promise<readonly StateChange[]> {
    return []
  }

  pull(request: PullRequest): Promise<readonly SliceBatch[] | null> {
    return translated(`reading for ${this.#id}`, () => this.#inputs.pull(request))
  }

  async commit(commit: TaskCommit): Promise<{ visibleUs: number }> {
    const { outputs, state } = commit
    invariant(state.length === 0, `task ${this.#id} has state: it commits exactly once`)
    invariant(!this.#isClosed, `task ${this.#id} was closed: it commits no more`)
    const moves = this.#positions.check(commit.next, this.#inputs.read)
    const written = this.#inOrder(outputs)
    const committed = Promise.all([this.#last, moves, written]).then(() => this.#move(commit))
    this.#last = committed
    committed.catch(() => {
      // Those that were called since then fail with it; one that is called later does not.
      if (this.#last === committed) this.#last = Promise.resolve()
    })
    await translated(`writing for ${this.#id}`, () => committed)
    return { visibleUs: this.#context.clock.monotonicUs() }
  }

  recordLimits(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return recordLimits(this.#context, this.#id, topics)
  }

  lag(): Promise<readonly number[]> {
    return translated(`looking how far ${this.#id} is`, () => this.#inputs.lag())
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#inputs.close()
    await untilDoneOr(this.#context.clock, closeMs, this.#last)
    this.#closing.abort()
    await translated(`storing positions of ${this.#id}`, () => this.#committer.close())
  }

  /** A producer takes what is sent to a partition in the order in which it gets it. */
  #inOrder(outputs: TaskCommit['outputs']): Promise<void> {
    const check = this.#outputs.check(outputs)
    if (check === null && this.#checking === null) return this.#send(outputs)
    const checked = Promise.all([this.#checking, check]).then(() => {})
    const handedOn = checked.catch(() => {})
    this.#checking = handedOn
    void handedOn.then(() => {
      if (this.#checking === handedOn) this.#checking = null
    })
    return checked.then(() => this.#send(outputs))
  }

  async #send(outputs: TaskCommit['outputs']): Promise<void> {
    if (outputs.length === 0) return
    await this.#context.producer.send(outputs, this.#closing.signal)
    for (const { batch } of outputs) releaseOwnBytes(batch.bytes)
  }

  async #move({ next }: TaskCommit): Promise<void> {
    if (next.length === 0) return
    // Once more, now that those before it have moved.
    await this.#positions.check(next, this.#inputs.read)
    this.#positions.committed(next)
    const stored = this.#committer.commit(next)
    if (stored !== null) await stored
  }
}
