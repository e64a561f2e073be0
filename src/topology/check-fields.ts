import { PipelineError } from '../core/errors.ts'
import { Aggregation, Expression, Template } from '../core/expression.ts'
import type { FieldNames } from '../core/operator.ts'
import { staticFields } from '../expressions/fields-read.ts'
import type { ConfigPath, PipelineSpec, StageSpec } from '../spec/pipeline-spec.ts'
import { outputTopics } from '../spec/stage-outputs.ts'

type Report = (path: ConfigPath, thrown: unknown) => void

/**
 * Follows the fields of records from stage to stage and reports an expression that reads a field
 * which the stage before cannot produce. What is not known stays unknown and is never reported.
 */
export function checkFields(spec: PipelineSpec, report: Report): void {
  const byTopic = new Map<string, FieldNames>()
  const written = new Set(spec.stages.flatMap(writtenBy))
  const known = { byTopic, written }
  let changed = true
  // Stages may stand in any order in the file: follow the edges until nothing new is learnt.
  while (changed) {
    changed = false
    for (const topic of written) {
      const writers = writersOf(spec, topic)
      if (byTopic.has(topic) || !writers.every((writer) => isInputKnown(writer, known))) continue
      byTopic.set(topic, union(writers.map((writer) => fieldsOut(writer, byTopic))))
      changed = true
    }
  }
  for (const stage of spec.stages) checkStage(stage, inputFields(stage, byTopic), report)
}

function writtenBy(stage: StageSpec): string[] {
  return outputTopics(stage).map(({ topic }) => topic)
}

function writersOf(spec: PipelineSpec, topic: string): readonly StageSpec[] {
  return spec.stages.filter((stage) => writtenBy(stage).includes(topic))
}

/** Whether the fields of all that the stage reads are known, or will never be. */
function isInputKnown(
  { from }: StageSpec,
  known: { byTopic: ReadonlyMap<string, FieldNames>; written: ReadonlySet<string> },
): boolean {
  return from.every((topic) => known.byTopic.has(topic) || !known.written.has(topic))
}

function inputFields(stage: StageSpec, byTopic: ReadonlyMap<string, FieldNames>): FieldNames {
  return stage.from.length === 0
    ? null
    : union(stage.from.map((topic) => byTopic.get(topic) ?? null))
}

function fieldsOut(stage: StageSpec, byTopic: ReadonlyMap<string, FieldNames>): FieldNames {
  return stage.steps.reduce((fields, step) => afterStep(step, fields), inputFields(stage, byTopic))
}

function afterStep(step: StageSpec['steps'][number], before: FieldNames): FieldNames {
  const after =
    step.definition.fieldsAfter === undefined
      ? before
      : step.definition.fieldsAfter(before, step.config)
  // A step behind `if` may have been left out.
  return step.if === null ? after : union([before, after])
}

function union(all: readonly FieldNames[]): FieldNames {
  const names = new Set<string>()
  for (const fields of all) {
    if (fields === null) return null
    for (const name of fields) names.add(name)
  }
  return names
}

function checkStage(stage: StageSpec, input: FieldNames, report: Report): void {
  let fields = input
  const timedAt = stage.steps.findIndex(({ definition }) => definition.kind === 'stateful')
  for (const [index, step] of stage.steps.entries()) {
    if (index === timedAt) checkEventTime(stage, { fields, report })
    checkExpressions(step.if, [...step.path.slice(0, -1), 'if'], { fields, report })
    checkExpressions(step.config, step.path, { fields, report })
    fields = afterStep(step, fields)
  }
  if (timedAt === -1) checkEventTime(stage, { fields, report })
  checkExpressions(stage.key, [...stage.path, 'key'], { fields, report })
  checkExpressions(templateOf(stage), [...stage.path, 'to', 'template'], { fields, report })
}

function templateOf({ outputs }: StageSpec): Template | null {
  return outputs?.kind === 'template' ? outputs.template : null
}

/** The event time is read before the first step that needs it, else behind all steps. */
function checkEventTime(stage: StageSpec, against: { fields: FieldNames; report: Report }): void {
  checkExpressions(stage.eventTime, [...stage.path, 'event_time'], against)
}

function checkExpressions(
  config: unknown,
  path: ConfigPath,
  against: { fields: FieldNames; report: Report },
): void {
  if (against.fields === null) return
  if (config instanceof Expression || config instanceof Aggregation) {
    for (const { name } of staticFields(config.source)) {
      if (!against.fields.has(name)) against.report(path, unknownField(name, against.fields))
    }
  } else if (config instanceof Template) {
    for (const part of config.expressions) checkExpressions(part, path, against)
  } else if (Array.isArray(config)) {
    for (const [index, item] of config.entries()) checkExpressions(item, [...path, index], against)
  } else if (typeof config === 'object' && config !== null) {
    for (const [name, item] of Object.entries(config))
      checkExpressions(item, [...path, name], against)
  }
}

function unknownField(name: string, fields: ReadonlySet<string>): PipelineError {
  const known = [...fields].join(', ')
  return new PipelineError(
    'CONFIG_FIELD',
    `the stage before produces no field "${name}"; it produces ${known}`,
  )
}
