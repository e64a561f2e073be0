import type { SinkDefinition, SourceDefinition } from '../core/endpoints.ts'
import type { Evaluate, Template } from '../core/expression.ts'
import type { HookEventName, ListenerDefinition } from '../core/hook.ts'
import type { TopicSpec } from '../core/log.ts'
import type { OperatorDefinition } from '../core/operator.ts'
import type { Delivery, StageSpec } from '../spec/pipeline-spec.ts'
import type { TracingSettings } from '../spec/tracing-schema.ts'

/** What topics and state are kept in; a topology is compiled for one of them. */
export type LogKind = 'embedded' | 'kafka'

/**
 * How records of one group come together where the group is not their key: in one task that reads all
 * partitions, where one process has all of the log, or through a topic that several can share.
 */
export type Regroup = 'one_task' | 'repartition'

/** A pipeline ready to run, as a value: it can be printed, drawn, compared and tested without running. */
export interface Topology {
  readonly pipeline: string
  /** Prefix of groups, tasks and internal topics; empty or ending in a point. */
  readonly prefix: string
  /** Of everything that the file says about the run: workers with another one run another pipeline. */
  readonly fingerprint: string
  readonly tracing: TracingSettings
  readonly topics: readonly TopologyTopic[]
  /** Upstream before downstream. */
  readonly nodes: readonly StageNode[]
  readonly hooks: readonly StageHook[]
}

export interface TopologyTopic extends TopicSpec {
  readonly kind: TopicKind
}

export type TopicKind =
  | 'user'
  | 'internal'
  | 'repartition'
  | 'dead_letter'
  | 'late'
  /** Dead letters on their way back to the stage. */
  | 'replay'
  /** On Kafka: the state of a node's tasks, one partition each. */
  | 'changelog'

/** A stage, or the part of one that the compiler cut off by an internal topic. */
export interface StageNode {
  /** The stage's name, with a suffix for its parts: `totals`, `totals.repartition`. */
  readonly id: string
  readonly stage: string
  readonly role: StageRole
  readonly group: string
  readonly input: SourceInput | TopicInput
  /** `none` hands the bytes on unread; `raw` leaves decoding to a first step `parse`. */
  readonly decode: 'json' | 'raw' | 'none'
  /** What is decoded of a value, where the node needs no more; null for all. */
  readonly fields: FieldSelection | null
  readonly steps: readonly NodeStep[]
  readonly eventTime: Evaluate | null
  /** Whether the node needs each record's event time: it keeps state or writes markers. */
  readonly needsEventTime: boolean
  /** null: the steps are all there is, for their events. */
  readonly output: TopicOutput | RoutedOutput | SinkOutput | null
  readonly deadLetterTopic: string
  readonly lateTopic: string
  /** How its tasks commit: a node with state does so exactly once on every log. */
  readonly delivery: Delivery
  /** Whether its tasks keep something over restarts: of steps, of a source or sink, of its markers. */
  readonly hasState: boolean
  /** Where the log keeps that state in a topic, its name. */
  readonly changelogTopic: string | null
  readonly settings: NodeSettings
  /** One task, or one per input partition. */
  readonly tasks: number
}

export interface FieldSelection {
  /** At the top level. */
  readonly names: readonly string[]
  /** Whether the value goes on, with these fields as the steps left them and all others as they came. */
  readonly splices: boolean
}

export const stageRoles = ['producer', 'cleaning', 'analysis', 'sink'] as const
export type StageRole = (typeof stageRoles)[number]

export interface SourceInput {
  readonly kind: 'source'
  readonly definition: SourceDefinition
  readonly config: unknown
}

export interface TopicInput {
  readonly kind: 'topics'
  readonly topics: readonly { readonly name: string; readonly partitions: number }[]
  /** Whether its records say, for `source` in expressions, where they came into the pipeline. */
  readonly tellsSource?: boolean
  /** Where dead letters of the stage come back to; no task of a pipeline writes it. Absent: nowhere. */
  readonly replay?: { readonly name: string; readonly partitions: number }
}

export interface TopicOutput {
  readonly kind: 'topic'
  readonly topic: string
  readonly partitions: number
  /** null: the input's key stays, or the key that a step made. */
  readonly key: Evaluate | null
  /** Whether a record goes to the partition that it came from, so that task p writes partition p alone. */
  readonly samePartition: boolean
  /** As of the `TopicInput` that reads it. */
  readonly tellsSource?: boolean
  /** Whether the topic carries watermark markers. */
  readonly markers: boolean
}

/** One of several topics for each record. Readers get no markers of it. */
export interface RoutedOutput {
  readonly kind: 'topics'
  readonly topics: readonly RoutedTopic[]
  readonly choice: OutputChoice
  /** As of a `TopicOutput`. */
  readonly key: Evaluate | null
}

export type RoutedTopic = Pick<TopicOutput, 'topic' | 'partitions' | 'samePartition'>

export type OutputChoice =
  | {
      readonly kind: 'route'
      /** Topics by the name that a step has given the record. */
      readonly byName: ReadonlyMap<string, string>
      /** null: a record without a name fails. */
      readonly otherwise: string | null
    }
  | { readonly kind: 'template'; readonly template: Template }

export interface SinkOutput {
  readonly kind: 'sink'
  readonly definition: SinkDefinition
  readonly config: unknown
  /** As of a `TopicOutput`. */
  readonly key: Evaluate | null
}

export interface NodeStep {
  readonly id: string
  readonly definition: OperatorDefinition
  readonly config: unknown
  readonly if: Evaluate | null
  /** `project`: only the projection of a stateful step, whose other part runs later or elsewhere. */
  readonly part: 'whole' | 'project'
}

/** Settings of the stage that its parts have in common. */
export type NodeSettings = Pick<
  StageSpec,
  'start' | 'onError' | 'concurrency' | 'retry' | 'idleMs' | 'maxFutureMs' | 'limits' | 'maxKeys'
>

export interface StageHook {
  readonly stage: string
  readonly on: readonly HookEventName[]
  readonly when: Evaluate | null
  readonly listener: ListenerDefinition
  readonly config: unknown
}

/** What ids of the pipeline's tasks begin with, which write its records. */
export function ownWriters({ prefix, pipeline }: Pick<Topology, 'prefix' | 'pipeline'>): string {
  return `${prefix}${pipeline}.`
}

/** The task that writes the dead letters of a stage back; `<task>/0` is its id, and this its group. */
export function replayGroup(
  topology: Pick<Topology, 'prefix' | 'pipeline'>,
  stage: string,
): string {
  return `${ownWriters(topology)}${stage}.replay`
}

export function taskId(topology: Topology, node: StageNode, index: number): string {
  return `${ownWriters(topology)}${node.id}/${index}`
}
