import type { SinkDefinition, SourceDefinition } from './endpoints.ts'
import type { ListenerDefinition } from './hook.ts'
import type { OperatorDefinition } from './operator.ts'

/** Everything that a pipeline file can name; given to whoever reads files, never looked up globally. */
export interface Definitions {
  readonly operators: readonly OperatorDefinition[]
  readonly sources: readonly SourceDefinition[]
  readonly sinks: readonly SinkDefinition[]
  readonly listeners: readonly ListenerDefinition[]
}
