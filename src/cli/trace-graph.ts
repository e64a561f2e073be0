import type { LogReader } from '../core/log.ts'
import { parseManifest } from '../topology/manifest.ts'
import type { Log } from '../core/log.ts'
import { outputTopicsOf } from '../topology/order-nodes.ts'
import type { TopicInput, Topology } from '../topology/topology.ts'
import { readTimings } from './read-timings.ts'

/** A stage, or a part of one, as far as it takes to follow records through it. */
export interface TraceNode {
  readonly pipeline: string
  readonly id: string
  readonly stage: string
  /** Of the ids of its tasks, up to the number. */
  readonly taskPrefix: string
  readonly tasks: number
  readonly reads: readonly string[]
  /** Empty: it writes to a sink, or nothing. */
  readonly writes: readonly string[]
}

export interface TraceGraph {
  readonly nodes: readonly TraceNode[]
  /** All topics of its pipelines, those for records set aside too; upstream first where that is known. */
  readonly topics: readonly string[]
}

/** As a pipeline file says. */
export function graphOfTopologies(topologies: readonly Topology[]): TraceGraph {
  const nodes = topologies.flatMap(({ prefix, pipeline, nodes: all }) =>
    all.map(({ id, stage, tasks, input, output }) => ({
      pipeline,
      id,
      stage,
      taskPrefix: `${prefix}${pipeline}.${id}/`,
      tasks,
      reads: input.kind === 'topics' ? topicsOf(input) : [],
      writes: outputTopicsOf({ output }).map(({ topic }) => topic),
    })),
  )
  const aside = topologies.flatMap((topology) =>
    topology.nodes.flatMap(({ deadLetterTopic, lateTopic }) => [deadLetterTopic, lateTopic]),
  )
  return graphOf(nodes, aside)
}

/** As the runs on the log were, by what they have left there. */
export async function graphOfLog({
  reader,
  admin,
}: Pick<Log, 'reader' | 'admin'>): Promise<TraceGraph> {
  const nodes = await nodesOfHistory(reader)
  const manifests = await Promise.all(
    (await admin.manifests()).map((name) => admin.loadManifest(name)),
  )
  const topics = manifests.flatMap((text) => {
    if (text === null) return []
    const { reads, writes } = parseManifest(text)
    return [...reads, ...writes]
  })
  return graphOf(
    nodes,
    topics.filter((name) => !name.endsWith('.changelog')),
  )
}

async function nodesOfHistory(reader: LogReader): Promise<TraceNode[]> {
  const { timings } = await readTimings(reader, { fromMs: null, toMs: Infinity }, null)
  const latest = new Map<string, TraceNode & { readonly order: number }>()
  for (const { pipeline, order, node } of timings) {
    const { id, stage, tasks, tasksRun, reads = [], writes = [] } = node
    const [task] = tasksRun
    const known = latest.get(`${pipeline}.${id}`)?.taskPrefix
    const taskPrefix = task?.slice(0, task.lastIndexOf('/') + 1) ?? known ?? `${pipeline}.${id}/`
    const found = { pipeline, order, id, stage, tasks, taskPrefix, reads, writes }
    latest.set(`${pipeline}.${id}`, found)
  }
  return [...latest.values()].toSorted((left, right) => left.order - right.order)
}

function graphOf(nodes: readonly TraceNode[], more: readonly string[]): TraceGraph {
  const topics = nodes.flatMap(({ reads, writes }) => [...reads, ...writes])
  return { nodes, topics: [...new Set([...topics, ...more])].filter((name) => name !== '') }
}

/** The node whose task has this id. */
export function writerNode({ nodes }: TraceGraph, task: string): TraceNode | null {
  return nodes.find(({ taskPrefix }) => task.startsWith(taskPrefix)) ?? null
}

/** The task of a node that reads a partition. */
export function taskOf({ taskPrefix, tasks }: TraceNode, partition: number): string {
  return `${taskPrefix}${tasks <= 1 ? 0 : partition % tasks}`
}

/** Whether a task reads a partition of the inputs of its node. */
export function readsPartition({ tasks }: TraceNode, task: string, partition: number): boolean {
  return tasks <= 1 || partition % tasks === Number(task.slice(task.lastIndexOf('/') + 1))
}

/** With that by which dead letters come back. */
function topicsOf({ topics, replay }: TopicInput): string[] {
  return [...topics, ...(replay === undefined ? [] : [replay])].map(({ name }) => name)
}
