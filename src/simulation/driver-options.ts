import type { AsyncOperator, OperatorEnvironment } from '../core/async-operator.ts'
import { PipelineError } from '../core/errors.ts'
import type { HookEventName } from '../core/hook.ts'
import type { Telemetry } from '../core/telemetry.ts'
import type { NodeStep, StageHook } from '../topology/topology.ts'

export interface DriverOptions {
  /** Epoch ms. */
  readonly startMs: number
  readonly telemetry?: Telemetry
  /** The events that are kept; by default all. */
  readonly hears?: readonly HookEventName[]
  /** For steps that wait for something outside; without it such a step needs a stub. */
  readonly operators?: OperatorEnvironment
  /** What stands in for a step that waits for something outside; null: the step itself works. */
  readonly stub?: (stage: string, step: NodeStep) => AsyncOperator | null
}

export const noOperators: Omit<OperatorEnvironment, 'clock' | 'random'> = {
  log: () => {},
  spawn: ({ argv }) => {
    throw new PipelineError(
      'CONFIG_USAGE',
      `no process runs here: ${argv[0]}; stand in for the step`,
    )
  },
}

/** Nobody calls a listener that reaches beyond the log. */
export function withoutOutside(hook: StageHook): StageHook {
  return hook.listener.topics === undefined ? { ...hook, node: null } : hook
}
