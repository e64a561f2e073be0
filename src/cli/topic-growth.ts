import type { Manifest } from '../topology/manifest.ts'
import { outputTopicsOf, topicsReadBy, topicsWrittenBy } from '../topology/order-nodes.ts'
import type { LogKind, StageNode, TopologyTopic } from '../topology/topology.ts'

/** Who has to do with topics, to know what becomes of them when a topic gets more partitions. */
export interface TopicUsers {
  readonly log: LogKind
  readonly nodes: readonly StageNode[]
  /** Manifests of the pipelines that are not looked at now, by name. */
  readonly others: ReadonlyMap<string, Manifest>
}

/** Why the topic cannot get as many partitions as it is to have, and what to do; null where it can. */
export function growthProblem(
  topic: TopologyTopic,
  stored: number,
  users: TopicUsers,
): string | null {
  const { name, partitions, kind } = topic
  if (partitions === stored) return null
  const counts = `it has ${stored} partitions and would have ${partitions}`
  const keep = `write "partitions: ${stored}" for it under "topics:"`
  if (users.log === 'embedded') return `${counts}, which the embedded log cannot do: ${keep}`
  if (kind === 'changelog' || kind === 'repartition') {
    return `${counts}, and the state of its stage lies in as many parts as it was made with: undo the change, or run with --fresh to begin again`
  }
  if (partitions < stored) return `${counts}; Kafka never takes one away: ${keep}`
  const other = [...users.others].find(([, { reads, writes }]) =>
    [...reads, ...writes].includes(name),
  )
  if (other !== undefined) {
    return `${counts}, and the pipeline "${other[0]}" uses it too: name its file beside these`
  }
  const reader = users.nodes.find((node) => topicsReadBy(node).includes(name) && holdsState(node))
  if (reader !== undefined) {
    return `${counts}, and the stage "${reader.stage}" keeps state for each of them: ${keep}, or run with --fresh to begin again`
  }
  if (topicsWithKeys(users.nodes).has(name)) {
    return `${counts}, and from then on records of one key would lie in two of them: ${keep}, or write to a new topic`
  }
  return null
}

function holdsState({ steps }: StageNode): boolean {
  return steps.some(({ definition, part }) => definition.kind === 'stateful' && part === 'whole')
}

/** The topics whose records may have a key, as far as the files tell. */
function topicsWithKeys(nodes: readonly StageNode[]): Set<string> {
  const written = new Set(nodes.flatMap(topicsWrittenBy))
  const keyed = new Set(nodes.flatMap(topicsReadBy).filter((topic) => !written.has(topic)))
  let found = -1
  while (keyed.size !== found) {
    found = keyed.size
    for (const topic of nodes.flatMap((node) => topicsKeyedBy(node, keyed))) keyed.add(topic)
  }
  return keyed
}

/** What has no key of its own keeps that of its input; a source gives none. */
function topicsKeyedBy(node: StageNode, keyed: ReadonlySet<string>): string[] {
  if (topicsReadBy(node).some((topic) => keyed.has(topic))) return topicsWrittenBy(node)
  const { output, steps } = node
  const makesKeys = steps.some(
    ({ definition }) => definition.kind === 'stateful' && definition.project !== undefined,
  )
  const isKeyed = makesKeys || (output !== null && output.key !== null)
  return isKeyed ? outputTopicsOf(node).map(({ topic }) => topic) : []
}
