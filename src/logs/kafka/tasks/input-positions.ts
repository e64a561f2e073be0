import { invariant } from '../../../core/errors.ts'
import type { TaskCommit } from '../../../core/log.ts'
import { assertForward } from '../../log-rules.ts'
import type { KafkaContext } from '../kafka-context.ts'
import { patiently } from '../patiently.ts'
import type { Position } from './start-positions.ts'
import { isSame } from './task-ground.ts'

/** Where a task stands in its inputs as of its last commit. */
export class InputPositions {
  readonly #context: KafkaContext
  #all: readonly Position[]

  constructor(context: KafkaContext, positions: readonly Position[]) {
    this.#context = context
    this.#all = positions
  }

  get all(): readonly Position[] {
    return this.#all
  }

  get offsets(): readonly bigint[] {
    return this.#all.map(({ offset }) => offset)
  }

  /** All positions after a commit. */
  after(next: TaskCommit['next']): readonly Position[] {
    if (next.length === 0) return this.#all
    return this.#all.map((position) => {
      const moved = next.find((each) => isSame(each, position))
      return moved === undefined ? position : { ...position, offset: moved.offset }
    })
  }

  committed(next: TaskCommit['next']): void {
    this.#all = this.after(next)
  }

  /**
   * Whether the positions may move so: of inputs, forward, and not past the end.
   * @param read how far each input has been read; a position within that needs no look at the brokers.
   * @returns null when they may; else resolves when that has been found out.
   * @throws PipelineError INVARIANT, also later
   */
  check(next: TaskCommit['next'], read: readonly bigint[]): Promise<void> | null {
    const beyond: Position[] = []
    for (const position of next) {
      const index = this.#all.findIndex((each) => isSame(each, position))
      const before = this.#all[index]
      const end = read[index] ?? 0n
      const isRead = position.offset <= end
      assertForward(position, { from: before?.offset, end: isRead ? end : position.offset })
      if (!isRead) beyond.push({ ...before!, offset: position.offset })
    }
    return beyond.length === 0 ? null : this.#checkEnds(beyond)
  }

  async #checkEnds(positions: readonly Position[]): Promise<void> {
    const { client } = this.#context
    const places = positions.map(({ topic, partition }) => ({ topic, partition }))
    const ends = await patiently(this.#context, () =>
      client.listOffsets(places, 'latest', 'read_uncommitted'),
    )
    for (const [index, position] of positions.entries()) {
      const end = ends[index]
      invariant(end !== undefined, 'there is an end for each partition')
      assertForward(position, { from: 0n, end })
    }
  }
}
