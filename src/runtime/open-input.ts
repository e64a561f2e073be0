import type { EndpointEnvironment } from '../core/endpoints.ts'
import type { StateChange, TaskLog, TaskSpec } from '../core/log.ts'
import type { StageNode } from '../topology/topology.ts'
import { ChunkedInput } from './chunked-input.ts'
import { maxUncommittedEvents } from './listener-sink.ts'
import type { ReliableHook } from './reliable-hook.ts'
import { LogInput, SourceInput, sourcePositions, type TaskInput } from './task-input.ts'

export interface OpenedTask {
  readonly node: StageNode
  readonly inputs: TaskSpec['inputs']
  readonly environment: EndpointEnvironment
  /** null: the node is no listener of a reliable hook. */
  readonly hook: ReliableHook | null
  readonly log: TaskLog
  readonly stored: readonly StateChange[]
  readonly nowUs: () => number
}

/** What a task reads: its source, or its partitions of the log from the last position on. */
export function openInput(task: OpenedTask): TaskInput {
  const { node, inputs, environment, hook, log, stored, nowUs } = task
  if (node.input.kind === 'source') {
    const { definition, config } = node.input
    return new SourceInput(definition.create(config, environment, sourcePositions(stored)))
  }
  const input = new LogInput(log, inputs, nowUs)
  return hook === null ? input : new ChunkedInput(input, maxUncommittedEvents)
}
