import type { StatefulDefinition } from '../core/operator.ts'
import { PipelineError } from '../core/errors.ts'
import { Expression } from '../core/expression.ts'
import { compileExpression } from '../expressions/compile.ts'
import type {
  ConfigPath,
  HookSpec,
  PipelineSpec,
  StageSpec,
  StepSpec,
} from '../spec/pipeline-spec.ts'
import { outputTopics } from '../spec/stage-outputs.ts'
import { bindConfig, type BindEnvironment } from './bind-config.ts'
import { checkFields } from './check-fields.ts'
import { checkTopics } from './check-topics.ts'
import { cutStage, readsRawRecord } from './cut-stage.ts'
import { fingerprintOf } from './fingerprint.ts'
import { hookNodes } from './hook-nodes.ts'
import { orderNodes } from './order-nodes.ts'
import { TopicTable } from './topic-table.ts'
import type { LogKind, Regroup, StageHook, Topology } from './topology.ts'

export interface CompileEnvironment {
  /** Folder of the pipeline file. */
  readonly folder: string
  readonly readText: (absolutePath: string) => string
  /** For tests: partitions of every topic, whatever the file says. */
  readonly partitions?: number
  /** How the log brings groups together; through a topic by default, as on a log with several workers. */
  readonly regroup?: Regroup
  /** What the pipeline is to run on; null (the default) for none in particular, as in tests of pipelines. */
  readonly log?: LogKind | null
  /** How the servers of `connections:` are reached; see `BindEnvironment`. */
  readonly connection?: NonNullable<BindEnvironment['connection']>
}

export interface CompileProblem {
  readonly severity: 'error' | 'warning'
  readonly path: ConfigPath
  readonly thrown: unknown
}

/** Turns a pipeline into tasks and topics. Everything wrong is reported at once, with its place. */
export function compileTopology(
  spec: PipelineSpec,
  environment: CompileEnvironment,
): { topology: Topology; problems: readonly CompileProblem[] } {
  const problems: CompileProblem[] = []
  const report = (path: ConfigPath, thrown: unknown) =>
    problems.push({ severity: 'error', path, thrown })
  const { tables } = spec
  const bind: BindEnvironment = { ...environment, report, table: (name) => tables.get(name) }
  for (const [name, settings] of tables)
    bindConfig(settings, ['tables', name], { ...bind, scope: ['key'] })
  const hooks = spec.stages.flatMap((stage) => {
    bindStage(stage, bind)
    return compileHooks(stage, bind)
  })
  const prefix = spec.namespace === '' ? '' : `${spec.namespace}.`
  const fingerprint = fingerprintOf(spec)
  if (problems.length > 0) {
    const { pipeline, tracing } = spec
    const named = { pipeline, prefix, fingerprint, tracing }
    return { topology: { ...named, topics: [], nodes: [], hooks }, problems }
  }
  const topics = new TopicTable(spec, { prefix, partitions: environment.partitions ?? null })
  const { regroup = 'repartition' } = environment
  const common = { pipeline: spec.pipeline, prefix, topics, log: environment.log ?? 'embedded' }
  for (const { listener, config } of hooks)
    for (const topic of listener.topics?.(config) ?? []) topics.user(topic)
  const nodes = [
    ...spec.stages.flatMap((stage) => cutStage(stage, { ...common, regroup })),
    ...spec.stages.flatMap((stage) => hookNodes(stage, hooks, common)),
  ]
  checkTopics(spec, { internal: topics.internal, log: environment.log ?? null, report })
  // Stages that write to internal topics would be told to run in circles besides.
  const ordered =
    problems.length > 0
      ? nodes
      : orderNodes(nodes, (stage, message) =>
          report(pathOfStage(spec, stage), topologyError(message)),
        )
  checkFields(spec, report)
  problems.push(...warnings(spec, topics, hooks))
  return {
    topology: {
      pipeline: spec.pipeline,
      prefix,
      fingerprint,
      tracing: spec.tracing,
      topics: topics.all(),
      nodes: ordered,
      hooks,
    },
    problems,
  }
}

function topologyError(message: string): PipelineError {
  return new PipelineError('CONFIG_TOPOLOGY', message)
}

function pathOfStage(spec: PipelineSpec, stage: string): ConfigPath {
  return spec.stages.find(({ name }) => name === stage)?.path ?? ['stages']
}

function bindStage(stage: StageSpec, bind: BindEnvironment): void {
  bindConfig(stage.key, [...stage.path, 'key'], bind)
  bindConfig(stage.eventTime, [...stage.path, 'event_time'], bind)
  if (stage.outputs?.kind === 'template')
    bindConfig(stage.outputs.template, [...stage.path, 'to', 'template'], bind)
  for (const component of [stage.source, stage.sink, ...stage.steps]) {
    if (component !== null) bindConfig(component.config, component.path, bind)
  }
  for (const step of stage.steps.slice(1)) {
    if (readsRawRecord(step))
      bind.report(
        step.path,
        topologyError(
          '`parse` without `field` reads the record as it came in, so it is the first step',
        ),
      )
  }
  for (const step of stage.steps) {
    const path = [...step.path.slice(0, -1), 'if']
    bindConfig(step.if, path, bind)
    if (
      step.if !== null &&
      step.definition.kind === 'stateful' &&
      step.definition.project !== undefined
    ) {
      bind.report(
        path,
        topologyError(
          `"${step.definition.type}" takes every record that reaches it; a \`filter\` before it leaves some out`,
        ),
      )
    }
  }
}

function compileHooks(stage: StageSpec, bind: BindEnvironment): StageHook[] {
  return stage.hooks.flatMap((hook) => {
    bindWhen(hook, bind)
    return hook.listeners.map((listener) => {
      bindConfig(listener.config, listener.path, { ...bind, scope: hookScope })
      const nodeName = `${hook.id}.${listener.definition.type}`
      return {
        stage: stage.name,
        on: hook.on,
        when: hook.when === null ? null : boundOrNull(hook.when),
        listener: listener.definition,
        config: listener.config,
        delivery: hook.delivery,
        name: hook.reliable ? nodeName : listener.definition.type,
        reliable: hook.reliable,
        node: hook.reliable ? `${stage.name}.${nodeName}` : null,
      }
    })
  })
}

/** What expressions of hooks and their listeners start with. */
const hookScope = ['event', 'value'] as const

function bindWhen(hook: HookSpec, bind: BindEnvironment): void {
  if (hook.when === null) return
  try {
    hook.when.bind(compileExpression(hook.when.source, { scope: hookScope }))
  } catch (thrown) {
    bind.report([...hook.path, 'when'], thrown)
  }
}

/** An expression with an error has been reported and stays unbound: nothing will run. */
function boundOrNull(expression: Expression): StageHook['when'] {
  try {
    return expression.evaluate
  } catch {
    return null
  }
}

function warnings(
  spec: PipelineSpec,
  topics: TopicTable,
  hooks: readonly StageHook[],
): CompileProblem[] {
  // A topic that the file declares may well come from elsewhere.
  const known = new Set([
    ...spec.topics.keys(),
    ...spec.stages.flatMap((stage) => writtenTopics(spec, stage)),
    ...topics.ofEvents,
    ...hooks.flatMap(({ listener, config }) => listener.topics?.(config) ?? []),
  ])
  const unwritten = spec.stages.flatMap((stage) =>
    stage.from
      .filter((topic) => !known.has(topic))
      .map((topic) =>
        warning(
          [...stage.path, 'from'],
          `no stage of this file writes the topic "${topic}"; if it comes from elsewhere, say so under \`topics:\``,
        ),
      ),
  )
  const scoped = spec.stages.flatMap((stage) =>
    stage.steps
      .filter((step) => isPartitionScoped(step, stage, { spec, topics }))
      .map((step) => warning(step.path, scopeWarning(step) ?? '')),
  )
  return [...unwritten, ...scoped]
}

function scopeWarning({ definition, config }: StepSpec): string | null {
  return definition.kind === 'stateful' ? (definition.scopeWarning?.(config) ?? null) : null
}

function warning(path: ConfigPath, message: string): CompileProblem {
  return { severity: 'warning', path, thrown: topologyError(message) }
}

function writtenTopics(spec: PipelineSpec, stage: StageSpec): string[] {
  const own = `${spec.pipeline}.${stage.name}`
  const topics = [stage.dlq ?? `${own}.dlq`, stage.late ?? `${own}.late`]
  return [...topics, ...outputTopics(stage).map(({ topic }) => topic)]
}

/** Whether equal records may lie in several partitions, as far as anyone can tell from the file. */
function isPartitionScoped(
  step: StepSpec,
  stage: StageSpec,
  within: { spec: PipelineSpec; topics: TopicTable },
): boolean {
  if (step.definition.kind !== 'stateful' || scopeWarning(step) === null) return false
  const definition: StatefulDefinition = step.definition
  if (definition.keepsKey?.(step.config) === true) return false
  const { by } = step.config as { by?: unknown }
  const source = by instanceof Expression ? by.source.trim() : null
  if (source === 'key') return false
  // Such a stage has its source's records in one partition.
  if (stage.source !== null) return false
  if (stage.from.every((topic) => within.topics.user(topic).partitions === 1)) return false
  return !stage.from.every((topic) => isKeyedBy(source, topic, within.spec.stages))
}

/** Whether all stages that write the topic, or those that they have the key from, set this key. */
function isKeyedBy(source: string | null, topic: string, stages: readonly StageSpec[]): boolean {
  const writers = stages.filter((stage) =>
    outputTopics(stage).some((output) => output.topic === topic),
  )
  // A stage is left out further up, so that a circle comes to an end.
  const others = stages.filter((stage) => !writers.includes(stage))
  return (
    writers.length > 0 &&
    writers.every(({ key, from }) => {
      if (key !== null) return key.source.trim() === source
      return from.length > 0 && from.every((upstream) => isKeyedBy(source, upstream, others))
    })
  )
}
