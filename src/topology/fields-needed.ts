import { Aggregation, Expression, Template } from '../core/expression.ts'
import { fieldsRead } from '../expressions/fields-read.ts'
import type { StageSpec, StepSpec } from '../spec/pipeline-spec.ts'
import type { FieldSelection, NodeStep } from './topology.ts'

/** With more fields than this, decoding all of the value is as fast. */
const maxFields = 12

/**
 * The top-level fields of its input that a node needs: those for its key, where it has no steps; those
 * for the projection that an aggregate takes; or those that its steps touch, while the others go on as
 * they came. null where all of the value may be needed.
 */
export function fieldsNeeded(
  steps: readonly NodeStep[],
  stage: StageSpec,
  uses: { eventTime: boolean; key: boolean; template: Template | null },
): FieldSelection | null {
  // A listener may be shown the value.
  if (stage.hooks.length > 0) return null
  // A call costs more than decoding, and gets the value as it is.
  if (steps.some(({ definition }) => definition.kind === 'async')) return null
  const projection = steps.findIndex(({ part }) => part === 'project')
  const concerned = projection === -1 ? steps : steps.slice(0, projection + 1)
  const ids = new Set(concerned.map(({ id }) => id))
  const read = stage.steps.filter(({ id }) => ids.has(id)).map(fieldsOfStep)
  if (uses.eventTime) read.push(fieldsOf([stage.eventTime]))
  if (uses.key) read.push(fieldsOf([stage.key]))
  if (uses.template !== null) read.push(fieldsOf(uses.template))
  if (read.includes(null)) return null
  const names = [...new Set(read.flatMap((fields) => [...(fields ?? [])]))]
  const splices = steps.length > 0 && projection === -1
  return names.length > maxFields ? null : { names, splices }
}

function fieldsOfStep({ definition, config, if: condition }: StepSpec): ReadonlySet<string> | null {
  if (definition.touches === undefined) return null
  const touched = definition.touches(config)
  const read = fieldsOf([condition, config])
  return read === null || touched === null ? null : new Set([...read, ...touched])
}

/** Of all expressions inside a setting. */
function fieldsOf(config: unknown): ReadonlySet<string> | null {
  if (config instanceof Expression || config instanceof Aggregation) {
    return fieldsRead(config.source)
  }
  if (config instanceof Template) return fieldsOf(config.expressions)
  if (typeof config !== 'object' || config === null) return new Set()
  const parts = Object.values(config).map(fieldsOf)
  return parts.includes(null) ? null : new Set(parts.flatMap((fields) => [...(fields ?? [])]))
}
