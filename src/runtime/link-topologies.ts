import { outputTopicsOf, topicsReadBy, topicsWrittenBy } from '../topology/order-nodes.ts'
import { taskId, type StageNode, type Topology } from '../topology/topology.ts'
import type { ExpectedWriter } from './watermark.ts'

/** A node of one of the pipelines that run together. */
export interface LinkedNode {
  readonly topology: Topology
  readonly node: StageNode
}

/** Stands for whoever writes topics that no pipeline of this process writes. */
export const outsideTask = '$outside'

/** Who writes what, over all pipelines that run together in this process. */
export class WriterLinks {
  readonly #writers = new Map<string, LinkedNode[]>()
  readonly #bounded = new Map<StageNode, boolean>()
  readonly #replays = new Set<string>()
  readonly #outsideEnds: boolean

  /** @param options.outsideEnds whether topics from outside have an end, announced by `outsideTask`. */
  constructor(topologies: readonly Topology[], options: { outsideEnds: boolean }) {
    this.#outsideEnds = options.outsideEnds
    for (const topology of topologies) {
      for (const node of topology.nodes) {
        if (node.input.kind === 'topics' && node.input.replay !== undefined)
          this.#replays.add(node.input.replay.name)
        for (const topic of topicsWrittenBy(node)) {
          this.#writers.set(topic, [...(this.#writers.get(topic) ?? []), { topology, node }])
        }
      }
    }
  }

  /** Ids of the tasks whose end ends the topic; null where it has none. */
  endingTasks(topic: string): readonly string[] | null {
    const writers = this.#writers.get(topic)
    if (writers === undefined) return this.#outsideEnds ? [outsideTask] : null
    return writers.flatMap(({ topology, node }) => allTasks(topology, node))
  }

  /** Whether one pipeline reads what another writes. */
  feeds(from: Topology, to: Topology): boolean {
    const read = new Set(to.nodes.flatMap(topicsReadBy))
    return from !== to && from.nodes.flatMap(topicsWrittenBy).some((topic) => read.has(topic))
  }

  expectedWriters(topic: string, partition: number): ExpectedWriter[] {
    // Nobody waits for a replay, and it tells nothing of what is still to come.
    if (this.#replays.has(topic)) return []
    const writers = this.#writers.get(topic)
    if (writers === undefined) return [{ id: null, holds: false, sendsMarkers: false }]
    return writers.flatMap(({ topology, node }) => {
      const main = outputTopicsOf(node).find((output) => output.topic === topic)
      const sendsMarkers =
        node.output?.kind === 'topic' && node.output === main && node.output.markers
      const isOneTask = main?.samePartition === true && node.tasks > 1
      const ids = isOneTask ? [taskId(topology, node, partition)] : allTasks(topology, node)
      return ids.map((id) => ({ id, holds: this.isBounded(node), sendsMarkers }))
    })
  }

  /** Whether all that the node will ever read comes from bounded sources. */
  isBounded(node: StageNode): boolean {
    const known = this.#bounded.get(node)
    if (known !== undefined) return known
    // Pipelines that feed each other in a circle never end.
    this.#bounded.set(node, false)
    const bounded =
      node.input.kind === 'source'
        ? node.input.definition.bounded(node.input.config)
        : node.input.topics.every(({ name }) => {
            const writers = this.#writers.get(name)
            return writers !== undefined && writers.every((writer) => this.isBounded(writer.node))
          })
    this.#bounded.set(node, bounded)
    return bounded
  }
}

function allTasks(topology: Topology, node: StageNode): string[] {
  return Array.from({ length: node.tasks }, (_, index) => taskId(topology, node, index))
}
