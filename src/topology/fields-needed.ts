import { Aggregation, Expression } from '../core/expression.ts'
import { fieldsRead } from '../expressions/fields-read.ts'
import type { StageSpec, StepSpec } from '../spec/pipeline-spec.ts'
import type { NodeStep } from './topology.ts'

/**
 * The top-level fields of its input that a node needs, where the value itself goes no further: it has
 * no steps and only its key is made of the value, or an aggregate takes its projection. null where all
 * of the value may be needed.
 */
export function fieldsNeeded(
  steps: readonly NodeStep[],
  stage: StageSpec,
  uses: { eventTime: boolean; key: boolean },
): readonly string[] | null {
  // A listener may be shown the value.
  if (stage.hooks.length > 0) return null
  const projection = steps.findIndex(({ part }) => part === 'project')
  if (steps.length > 0 && projection === -1) return null
  const ids = new Set(steps.slice(0, projection + 1).map(({ id }) => id))
  const read = stage.steps.filter(({ id }) => ids.has(id)).map(fieldsOfStep)
  if (uses.eventTime) read.push(fieldsOf([stage.eventTime]))
  if (uses.key) read.push(fieldsOf([stage.key]))
  return read.includes(null) ? null : [...new Set(read.flatMap((fields) => [...(fields ?? [])]))]
}

function fieldsOfStep(step: StepSpec): ReadonlySet<string> | null {
  return step.definition.readsByExpression === true ? fieldsOf([step.if, step.config]) : null
}

/** Of all expressions inside a setting. */
function fieldsOf(config: unknown): ReadonlySet<string> | null {
  if (config instanceof Expression || config instanceof Aggregation)
    return fieldsRead(config.source)
  if (typeof config !== 'object' || config === null) return new Set()
  const parts = Object.values(config).map(fieldsOf)
  return parts.includes(null) ? null : new Set(parts.flatMap((fields) => [...(fields ?? [])]))
}
