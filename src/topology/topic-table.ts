import type { PipelineSpec, TopicSettings } from '../spec/pipeline-spec.ts'
import type { TopologyTopic } from './topology.ts'

const defaultPartitions = 4
const dayMs = 86_400_000
const defaultRetentionMs = 7 * dayMs

/** All topics of a pipeline, as they are declared by the file or become known by their use. */
export class TopicTable {
  readonly #spec: PipelineSpec
  readonly #prefix: string
  readonly #partitions: number | null
  readonly #topics = new Map<string, TopologyTopic>()
  readonly #internal = new Map<string, string>()

  /** @param options.partitions of every topic, whatever the file says; null leaves it to the file. */
  constructor(spec: PipelineSpec, options: { prefix: string; partitions: number | null }) {
    this.#spec = spec
    this.#prefix = options.prefix
    this.#partitions = options.partitions
    for (const name of spec.topics.keys()) this.user(name)
  }

  /** A topic that the file names. */
  user(name: string): TopologyTopic {
    const settings = this.#spec.topics.get(name)
    return this.#add({
      name,
      kind: 'user',
      partitions: settings?.partitions ?? defaultPartitions,
      ...keptAs(settings),
    })
  }

  /** A topic between two parts of one stage. Its records are removed like those of other topics. */
  between(
    stage: string,
    suffix: 'in' | 'out' | 'repartition' | `async${string}`,
    partitions: number | null,
  ): TopologyTopic {
    return this.#addInternal(stage, {
      name: `${this.#prefix}${this.#spec.pipeline}.${stage}.${suffix}`,
      kind: suffix === 'repartition' ? 'repartition' : 'internal',
      partitions: partitions ?? defaultPartitions,
      retentionMs: defaultRetentionMs,
    })
  }

  /** The topic that holds the state of a node, a partition for each of its tasks. */
  changelog(node: { readonly id: string; readonly stage: string; readonly tasks: number }): string {
    return this.#addInternal(node.stage, {
      name: `${this.#prefix}${this.#spec.pipeline}.${node.id}.changelog`,
      kind: 'changelog',
      partitions: node.tasks,
      retentionMs: null,
      cleanup: 'compact',
    }).name
  }

  /** The topic by which dead letters come back; they are kept as long as where they come from. */
  replay(stage: string, options: { deadLetters: string; partitions: number }): TopologyTopic {
    return this.#addInternal(stage, {
      name: `${this.#prefix}${this.#spec.pipeline}.${stage}.replay`,
      kind: 'replay',
      partitions: options.partitions,
      retentionMs: this.#topics.get(options.deadLetters)?.retentionMs ?? defaultRetentionMs,
    })
  }

  /** A topic for the records that a stage could not use, with as many partitions as the stage reads. */
  aside(
    stage: string,
    kind: 'dead_letter' | 'late',
    options: { name: string | null; partitions: number },
  ): string {
    const suffix = kind === 'late' ? 'late' : 'dlq'
    const name = options.name ?? `${this.#prefix}${this.#spec.pipeline}.${stage}.${suffix}`
    const declared = this.#spec.topics.get(name)
    return this.#add({
      name,
      kind,
      partitions: declared?.partitions ?? options.partitions,
      ...keptAs(declared),
    }).name
  }

  /** Names of the topics that the compiler inserted, with the stage of each: the file may not use them. */
  get internal(): ReadonlyMap<string, string> {
    return this.#internal
  }

  all(): TopologyTopic[] {
    return [...this.#topics.values()]
  }

  #addInternal(stage: string, topic: TopologyTopic): TopologyTopic {
    this.#internal.set(topic.name, stage)
    return this.#add(topic)
  }

  #add(topic: TopologyTopic): TopologyTopic {
    const known = this.#topics.get(topic.name)
    if (known !== undefined) return known
    // A changelog has a partition for each task, whose number follows from the others.
    const fixed = topic.kind === 'changelog' ? null : this.#partitions
    const added = { ...topic, partitions: fixed ?? topic.partitions }
    this.#topics.set(topic.name, added)
    return added
  }
}

type Kept = Pick<TopologyTopic, 'retentionMs' | 'cleanup' | 'replication'>

function keptAs(settings: TopicSettings | undefined): Kept {
  if (settings === undefined) return { retentionMs: defaultRetentionMs }
  const { retentionMs, cleanup, replication } = settings
  return {
    retentionMs,
    ...(cleanup === 'compact' ? { cleanup } : {}),
    ...(replication === null ? {} : { replication }),
  }
}
