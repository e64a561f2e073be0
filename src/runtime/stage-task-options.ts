import type { OperatorEnvironment } from '../core/async-operator.ts'
import type { Clock, Random } from '../core/clock.ts'
import type { EndpointEnvironment } from '../core/endpoints.ts'
import type { Log } from '../core/log.ts'
import type { Telemetry } from '../core/telemetry.ts'
import type { StageNode } from '../topology/topology.ts'
import type { ProgressBoard } from './progress-board.ts'
import type { SliceStep } from './slice-step.ts'
import type { StageMeter } from './stage-meter.ts'
import type { StepExecutor } from './step-executor.ts'
import type { TaskEvents } from './task-events.ts'
import type { TaskTracing } from './task-tracing.ts'
import type { WatermarkTracker } from './watermark.ts'

/** What a task is made of. */
export interface StageTaskOptions {
  readonly id: string
  readonly node: StageNode
  readonly taskIndex: number
  readonly inputs: readonly { readonly topic: string; readonly partition: number }[]
  /** Ids of the tasks whose end ends the input; null where it has no end. */
  readonly endingTasks: readonly string[] | null
  readonly follow: boolean
  readonly log: Log
  readonly clock: Clock
  readonly random: Random
  readonly environment: EndpointEnvironment
  /** null where no step needs it. */
  readonly operators: OperatorEnvironment | null
  readonly board: ProgressBoard
  readonly tracker: WatermarkTracker
  readonly step: SliceStep
  /** null: all slices are worked on here. */
  readonly executor: StepExecutor | null
  readonly meter: StageMeter
  readonly events: TaskEvents
  readonly telemetry: Telemetry
  /** null: nothing is traced. */
  readonly tracing: TaskTracing | null
  readonly pipeline: string
  readonly notice: (message: string) => void
}
