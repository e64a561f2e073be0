import type { OperatorDefinition } from '../core/operator.ts'
import type { StepSpec } from '../spec/pipeline-spec.ts'
import type { NodeStep, Regroup } from './topology.ts'

/** Steps that run before a topic which cuts the stage in two. */
export interface StepsBefore {
  readonly steps: readonly NodeStep[]
  /** Why it is cut there: records are brought together by another key, or state comes before a call. */
  readonly cut: 'repartition' | 'async'
}

/**
 * The steps of a stage as its parts have them. State and what waits for a peer cannot be of one part:
 * a record that waits would hold back the state of all others, or see state of records after it.
 */
export function splitSteps(
  steps: readonly StepSpec[],
  partitions: number | null,
  regroup: Regroup,
): { before: readonly StepsBefore[]; after: readonly NodeStep[] } {
  const before: StepsBefore[] = []
  const all: NodeStep[] = []
  const cutHere = (cut: StepsBefore['cut']) => before.push({ steps: all.splice(0), cut })
  for (const step of steps) {
    const { definition, config } = step
    if (definition.kind === 'async' && all.some(keepsState)) cutHere('async')
    if (definition.kind === 'stateful' && definition.project !== undefined) {
      all.push({ ...nodeStep(step), part: 'project' })
      const isTogether =
        regroup === 'one_task' || !needsRegrouping({ definition, config }, partitions)
      // State that one part of a record has changed in place cannot be taken back when a later part fails.
      if (!isTogether || all.some(emitsMany)) cutHere('repartition')
    }
    all.push(nodeStep(step))
  }
  return { before, after: all }
}

/** Whether records of one group may lie in several partitions. */
export function needsRegrouping(
  { definition, config }: Pick<NodeStep, 'definition' | 'config'>,
  partitions: number | null,
): boolean {
  if (definition.kind !== 'stateful' || definition.project === undefined) return false
  return partitions !== 1 && definition.keepsKey?.(config) !== true
}

/** State by partition, without a projection that brings records together. */
export function keepsStateByPartition(definition: OperatorDefinition): boolean {
  return definition.kind === 'stateful' && definition.project === undefined
}

export function keepsState({ definition, part }: NodeStep): boolean {
  return definition.kind === 'stateful' && part === 'whole'
}

function emitsMany({ definition }: NodeStep): boolean {
  return definition.kind !== 'stateful' && definition.emitsMany === true
}

function nodeStep(step: StepSpec): NodeStep {
  const { id, definition, config } = step
  return { id, definition, config, if: step.if?.evaluate ?? null, part: 'whole' }
}
