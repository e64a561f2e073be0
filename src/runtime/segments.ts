import type { NodeStep } from '../topology/topology.ts'

/** A step that waits for something outside, behind the steps that lead to it. */
export interface Segment {
  readonly before: readonly NodeStep[]
  readonly call: NodeStep
}

/** The steps of a node up to the last one that waits, and those that run within the step of the task. */
export function segmentsOf(steps: readonly NodeStep[]): {
  readonly segments: readonly Segment[]
  readonly after: readonly NodeStep[]
} {
  const segments: Segment[] = []
  let after: NodeStep[] = []
  for (const step of steps) {
    if (step.definition.kind === 'async') {
      segments.push({ before: after, call: step })
      after = []
    } else after.push(step)
  }
  return { segments, after }
}
