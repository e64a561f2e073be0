import type { PlannedAnswer, PlannedStub } from './test-schema.ts'
import type { SinkDefinition, SourceDefinition } from '../core/endpoints.ts'
import type { Expression, Template } from '../core/expression.ts'
import type { HookEventName, ListenerDefinition } from '../core/hook.ts'
import type { Cleanup } from '../core/log.ts'
import type { OperatorDefinition } from '../core/operator.ts'
import type { Rate } from '../core/rate.ts'
import type { TableSettings } from '../core/table.ts'
import type { ParsedConnection } from './connection-schema.ts'
import type { EncodeSpec } from './encode-schema.ts'
import type { TracingSettings } from './tracing-schema.ts'

/**
 * A pipeline file after reading: every default filled in, every name resolved to its definition, every
 * setting in the form that code uses (durations in ms, sizes in bytes, expressions not yet bound).
 */
export interface PipelineSpec {
  readonly pipeline: string
  readonly description: string | null
  readonly namespace: string
  /** `embedded`, `kafka://...` or a connection; null where the file leaves it to the command line. */
  readonly log: string | { readonly connection: string } | null
  /** Servers by name. */
  readonly connections: ReadonlyMap<string, ConnectionSpec>
  readonly topics: ReadonlyMap<string, TopicSettings>
  /** What steps look values up in, by name. */
  readonly tables: ReadonlyMap<string, TableSettings>
  readonly tracing: TracingSettings
  readonly stages: readonly StageSpec[]
  readonly tests: readonly TestSpec[]
}

/** Keys and list indexes from the top of the file, to find the place of a setting. */
export type ConfigPath = readonly (string | number)[]

export interface TopicSettings {
  readonly partitions: number
  /** null: kept for ever. */
  readonly retentionMs: number | null
  readonly cleanup: Cleanup
  /** null: as the servers of the log have it. */
  readonly replication: number | null
}

export type ConnectionSpec = ParsedConnection & { readonly path: ConfigPath }

export const deliveries = ['at_least_once', 'exactly_once'] as const
/** How a stage commits on a log where that can be chosen. */
export type Delivery = (typeof deliveries)[number]

export interface StageSpec {
  readonly name: string
  readonly path: ConfigPath
  readonly source: Component<SourceDefinition> | null
  readonly from: readonly string[]
  readonly steps: readonly StepSpec[]
  readonly key: Expression | null
  /** null: the stage writes no topic, or one of several. */
  readonly to: string | null
  readonly outputs: StageOutputs | null
  /** null: as JSON. */
  readonly encode: EncodeSpec | null
  readonly sink: Component<SinkDefinition> | null
  readonly eventTime: Expression | null
  readonly start: 'earliest' | 'latest'
  readonly onError: 'dlq' | 'skip' | 'stop'
  readonly delivery: Delivery
  /** Work of asynchronous steps at once, in each task; null where the file leaves it to the step. */
  readonly concurrency: number | null
  readonly retry: {
    readonly max: number
    readonly backoff: { readonly initialMs: number; readonly maxMs: number }
  }
  readonly idleMs: number
  readonly maxFutureMs: number
  readonly limits: { readonly lag: number | null; readonly delayMs: number | null }
  readonly maxKeys: number
  /** Other dead-letter and late topics than `<pipeline>.<stage>.dlq` and `.late`. */
  readonly dlq: string | null
  readonly late: string | null
  readonly hooks: readonly HookSpec[]
}

/** Where each record of a stage goes, out of several topics. */
export type StageOutputs =
  | {
      readonly kind: 'route'
      /** By the name that the step `route` gives it. */
      readonly topics: ReadonlyMap<string, string>
      /** For records that no condition of `route` holds for; null: they fail. */
      readonly otherwise: string | null
    }
  | {
      readonly kind: 'template'
      readonly template: Template
      readonly allow: readonly string[]
    }

export interface Component<Definition> {
  readonly definition: Definition
  /** The setting as parsed by the definition's schema. */
  readonly config: unknown
  readonly path: ConfigPath
}

export interface StepSpec extends Component<OperatorDefinition> {
  /** State identity within the stage: the operator's name, then `operator-2`, or what the file says. */
  readonly id: string
  readonly if: Expression | null
}

export interface HookSpec {
  readonly on: readonly HookEventName[]
  readonly when: Expression | null
  readonly listeners: readonly Component<ListenerDefinition>[]
  readonly reliable: boolean
  /** Unique in the stage. */
  readonly id: string
  readonly delivery: HookDelivery
  readonly path: ConfigPath
}

/** How events are given to the listeners of a hook. */
export interface HookDelivery {
  /** Time for one event. */
  readonly deadlineMs: number
  /** Events that may wait, unless the hook is reliable. */
  readonly queue: number
  /** null: any. */
  readonly rate: Rate | null
}

export interface TestSpec {
  readonly name: string
  readonly path: ConfigPath
  /** Wall clock at the start, epoch ms; null where the test does not say. */
  readonly clockMs: number | null
  readonly partitions: number
  /** `close`: the sources end before the last `expect`. */
  readonly end: 'close' | 'open'
  readonly steps: readonly TestStep[]
}

export type TestStep =
  | {
      readonly kind: 'send'
      readonly to: ReadonlyMap<string, readonly unknown[]>
      readonly path: ConfigPath
    }
  | { readonly kind: 'advance'; readonly byMs: number; readonly path: ConfigPath }
  | { readonly kind: 'restart'; readonly path: ConfigPath }
  | {
      readonly kind: 'fail'
      /** By stage with a sink. */
      readonly of: ReadonlyMap<string, readonly PlannedAnswer[]>
      readonly path: ConfigPath
    }
  | {
      readonly kind: 'stub'
      /** By table, stage or beginning of a URL. */
      readonly of: ReadonlyMap<string, readonly PlannedStub[]>
      readonly path: ConfigPath
    }
  | {
      readonly kind: 'expect'
      readonly of: ReadonlyMap<string, unknown>
      readonly path: ConfigPath
    }
