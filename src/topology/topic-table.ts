import type { PipelineSpec } from '../spec/pipeline-spec.ts'
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
      retentionMs: settings?.retentionMs ?? defaultRetentionMs,
    })
  }

  /** A topic between two parts of one stage. Its records are removed like those of other topics. */
  between(
    stage: string,
    suffix: 'in' | 'out' | 'repartition',
    partitions: number | null,
  ): TopologyTopic {
    return this.#add({
      name: `${this.#prefix}${this.#spec.pipeline}.${stage}.${suffix}`,
      kind: suffix === 'repartition' ? 'repartition' : 'internal',
      partitions: partitions ?? defaultPartitions,
      retentionMs: defaultRetentionMs,
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
      retentionMs: declared?.retentionMs ?? defaultRetentionMs,
    }).name
  }

  all(): TopologyTopic[] {
    return [...this.#topics.values()]
  }

  #add(topic: TopologyTopic): TopologyTopic {
    const known = this.#topics.get(topic.name)
    if (known !== undefined) return known
    const added = { ...topic, partitions: this.#partitions ?? topic.partitions }
    this.#topics.set(topic.name, added)
    return added
  }
}
