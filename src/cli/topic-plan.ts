import type { TopicChange, TopicSpec } from '../core/log.ts'
import type { LogKind, TopologyTopic } from '../topology/topology.ts'
import { growthProblem, type TopicUsers } from './topic-growth.ts'

/** What has to be done so that the topics of a log are as pipeline files want them. */
export interface TopicPlan {
  readonly create: readonly TopologyTopic[]
  readonly change: readonly { readonly from: TopicSpec; readonly to: TopicChange }[]
  /** What cannot be done, with what to do instead: nothing at all is done then. */
  readonly refused: readonly { readonly name: string; readonly reason: string }[]
  /** What others have to do. */
  readonly notes: readonly { readonly name: string; readonly note: string }[]
  readonly unchanged: number
}

export interface TopicsToPlan extends TopicUsers {
  readonly log: LogKind
  readonly stored: readonly TopicSpec[]
  /** Topics that others make: they are neither created nor changed. */
  readonly outside: ReadonlySet<string>
}

export function planTopics(wanted: readonly TopologyTopic[], plan: TopicsToPlan): TopicPlan {
  const stored = new Map(plan.stored.map((topic) => [topic.name, topic]))
  const unique = [...new Map(wanted.map((topic) => [topic.name, topic])).values()]
  const own = unique.filter(({ name }) => !plan.outside.has(name))
  const there = own.flatMap((topic) => {
    const from = stored.get(topic.name)
    return from === undefined ? [] : [{ topic, from, to: changeOf(from, topic, plan.log) }]
  })
  const refused = there.flatMap(({ topic, from }) => {
    const reason = growthProblem(topic, from.partitions, plan)
    return reason === null ? [] : [{ name: topic.name, reason }]
  })
  const missing = unique.filter(({ name }) => plan.outside.has(name) && !stored.has(name))
  return {
    create: own.filter(({ name }) => !stored.has(name)),
    change: there.flatMap(({ from, to }) => (to === null ? [] : [{ from, to }])),
    refused: [
      ...refused,
      ...missing.map(({ name }) => ({
        name,
        reason:
          'it is not there, and no stage writes to it: check the name, create it there, or declare it under "topics:"',
      })),
    ],
    notes: there.flatMap(({ topic, from }) => noteOf(topic, from)),
    unchanged: there.filter(({ to }) => to === null).length,
  }
}

/** null where the topic is as it is wanted. */
function changeOf(from: TopicSpec, topic: TopologyTopic, log: LogKind): TopicChange | null {
  const { name, partitions, retentionMs, cleanup = 'delete' } = topic
  const changesCleanup = cleanup !== (from.cleanup ?? 'delete')
  // Of no meaning for a compacted topic.
  const changesRetention = cleanup === 'delete' && retentionMs !== from.retentionMs
  const grows = partitions !== from.partitions
  if (!changesCleanup && !changesRetention && !grows) return null
  return {
    name,
    ...(changesRetention ? { retentionMs } : {}),
    ...(changesCleanup && log === 'kafka' ? { cleanup } : {}),
    ...(grows ? { partitions } : {}),
  }
}

function noteOf({ name, replication }: TopologyTopic, from: TopicSpec): TopicPlan['notes'] {
  if (replication === undefined || from.replication === undefined) return []
  if (replication === from.replication) return []
  const note = `it has ${from.replication} copies of each partition, and the file says ${replication}: kafka-reassign-partitions moves them`
  return [{ name, note }]
}
