import { outputTopicsOf, topicsReadBy } from '../topology/order-nodes.ts'
import {
  replayGroup,
  type StageNode,
  type RoutedTopic,
  type Topology,
} from '../topology/topology.ts'
import { partitionOf } from '../core/partitioner.ts'
import type { ReplayedLetter } from './replay-letter.ts'

/** Why a dead letter cannot be written back. */
export const replayObstacles = {
  made: 'results of windows and other steps, which have no record of their own',
  cut: 'records that were too large to be kept whole',
  elsewhere: 'records of a topic that the stage does not read any more',
  nowhere: 'records of a source whose stage writes to no topic, or to several',
} as const
export type ReplayObstacle = keyof typeof replayObstacles

export interface ReplayPlace {
  readonly topic: string
  readonly partition: number
  /** Whether its readers take the engine's header off again, so that attempts can be counted. */
  readonly counts: boolean
}

/** One stage of a pipeline, with the ways back into it. */
export class ReplayStage {
  readonly pipeline: string
  readonly stage: string
  readonly deadLetterTopic: string
  /** Of the task that writes its dead letters back. */
  readonly group: string
  readonly #nodes: readonly StageNode[]
  #turn = 0

  constructor(topology: Topology, stage: string) {
    this.#nodes = topology.nodes.filter((node) => node.stage === stage)
    this.pipeline = topology.pipeline
    this.stage = stage
    this.deadLetterTopic = this.#nodes[0]!.deadLetterTopic
    this.group = replayGroup(topology, stage)
  }

  /** Topics that records may be written back to. */
  get outputs(): string[] {
    const { replay } = this
    const source = this.#sourceOutput
    const inner = this.#innerTopics.map(({ topic }) => topic)
    return [
      ...new Set([
        ...(replay === null ? [] : [replay.name]),
        ...inner,
        ...(source === null ? [] : [source.topic]),
      ]),
    ]
  }

  get replay(): { readonly name: string; readonly partitions: number } | null {
    for (const { input } of this.#nodes)
      if (input.kind === 'topics' && input.replay !== undefined) return input.replay
    return null
  }

  /** Where a dead letter goes. */
  placeOf(letter: ReplayedLetter): ReplayPlace | ReplayObstacle {
    const { replay } = this
    if (letter.isCut) return 'cut'
    if (letter.isMade || this.#looksMade(letter)) return 'made'
    if (letter.origin === null) return this.#ofSource(letter)
    const { topic: from, partition } = letter.origin
    const inner = this.#innerTopics.find(({ topic }) => topic === from)
    const reader = this.#nodes.find((node) => topicsReadBy(node).includes(from))
    const isRead = reader !== undefined || from === replay?.name
    if (!isRead) return 'elsewhere'
    // A later part of the stage has met it: the parts before are not to see it again.
    if (inner !== undefined && reader !== this.#first)
      return this.#at({ name: from, partitions: inner.partitions }, partition, true)
    return replay === null ? 'elsewhere' : this.#at(replay, partition, true)
  }

  /** The first part that reads topics. */
  get #first(): StageNode | undefined {
    return this.#nodes.find(({ input }) => input.kind === 'topics')
  }

  get #innerTopics(): readonly RoutedTopic[] {
    return this.#nodes.slice(0, -1).flatMap(outputTopicsOf)
  }

  get #sourceOutput(): RoutedTopic | null {
    const source = this.#nodes.find(({ input }) => input.kind === 'source')
    const [first, ...others] = source === undefined ? [] : outputTopicsOf(source)
    return first === undefined || others.length > 0 ? null : first
  }

  /** Letters of older versions do not say it: a stage without a source has nothing else without an origin. */
  #looksMade({ origin }: ReplayedLetter): boolean {
    return origin === null && !this.#nodes.some(({ input }) => input.kind === 'source')
  }

  #ofSource({ key }: ReplayedLetter): ReplayPlace | ReplayObstacle {
    const output = this.#sourceOutput
    if (output === null) return 'nowhere'
    const { replay } = this
    const to = replay ?? { name: output.topic, partitions: output.partitions }
    const partition = key === null ? this.#turn++ : partitionOf(key, to.partitions)
    return this.#at(to, partition, replay !== null)
  }

  #at(
    { name, partitions }: { name: string; partitions: number },
    partition: number,
    counts: boolean,
  ): ReplayPlace {
    return { topic: name, partition: partition % partitions, counts }
  }
}
