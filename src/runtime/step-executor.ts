import { outputTopicsOf } from '../topology/order-nodes.ts'
import type { StageNode } from '../topology/topology.ts'
import type { InputPart, StepResult } from './slice.ts'
import type { TraceRequest } from './trace-request.ts'

/** A slice of one task: what its step is called with. */
export interface SliceWork {
  readonly pipeline: string
  /** Id of the node. */
  readonly node: string
  readonly taskIndex: number
  readonly parts: readonly InputPart[]
  readonly pulledUs: number
  /** null: nothing is traced. */
  readonly trace: TraceRequest | null
  /** As `TaskLog.recordLimits`. */
  readonly limits: ReadonlyMap<string, number>
}

/** Works on slices of stateless nodes beside this thread. */
export interface StepExecutor {
  /**
   * Takes a slice over, with the bytes of its batches: they are empty afterwards. null, and nothing
   * taken, where it has no room or the slice is not worth it: the caller works on it then.
   * @throws PipelineError (as the promise's rejection) what the step throws.
   */
  offer(work: SliceWork): Promise<StepResult> | null
}

/**
 * Whether the step of a node gives the same results wherever it is called: it keeps nothing between
 * slices, follows no watermark, and its input can be sent elsewhere.
 */
export function runsAnywhere(node: StageNode): boolean {
  return (
    node.input.kind === 'topics' &&
    outputTopicsOf(node).length > 0 &&
    !(node.output?.kind === 'topic' && node.output.markers) &&
    !node.needsEventTime &&
    node.steps.every(
      ({ definition, part }) => definition.kind === 'stateless' || part === 'project',
    )
  )
}
