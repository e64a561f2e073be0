import type { z } from 'zod'
import { parseDuration } from '../core/config-types.ts'
import type { Definitions } from '../core/definitions.ts'
import { checkSetting, type CheckContext } from './check-setting.ts'
import { stepExtras } from './component-schema.ts'
import { childOf, describeNode, type ConfigNode } from './config-node.ts'
import type { Component, ConfigPath, HookSpec, StageSpec, StepSpec } from './pipeline-spec.ts'
import type { PipelineFile } from './pipeline-schema.ts'
import { readComponent } from './read-component.ts'
import { defaultMaxKeys, retryDefaults } from './stage-schema.ts'

/** The named parts of one stage; a part with errors is missing. */
export interface StageComponents {
  readonly source: StageSpec['source']
  readonly sink: StageSpec['sink']
  readonly steps: readonly StepSpec[]
  /** By hook, the listeners under `do`. */
  readonly listeners: readonly HookSpec['listeners'][]
}

export interface ReadOptions {
  readonly context: CheckContext
  readonly definitions: Definitions
}

export function readStageComponents(
  stage: ConfigNode,
  path: ConfigPath,
  { context, definitions }: ReadOptions,
): StageComponents {
  const one = <Definition extends Definitions['sources' | 'sinks'][number]>(
    place: 'source' | 'sink',
    known: readonly Definition[],
  ): Component<Definition> | null => {
    const node = childOf(stage, place)
    if (node === undefined) return null
    const options = { context, path: [...path, place], definitions: known, place, extras: [] }
    return readComponent(node, options) ?? null
  }
  return {
    source: one('source', definitions.sources),
    sink: one('sink', definitions.sinks),
    steps: readSteps(childOf(stage, 'steps'), [...path, 'steps'], { context, definitions }),
    listeners: readHooks(childOf(stage, 'hooks'), [...path, 'hooks'], { context, definitions }),
  }
}

function readSteps(
  list: ConfigNode | undefined,
  path: ConfigPath,
  options: ReadOptions,
): StepSpec[] {
  if (list?.kind !== 'list') return []
  const { context, definitions } = options
  const extras = stepExtras()
  const steps: StepSpec[] = []
  const counts = new Map<string, number>()
  const ids = new Map<string, ConfigPath>()
  for (const [index, node] of list.items.entries()) {
    const at = [...path, index]
    const component = readComponent(node, {
      context,
      path: at,
      definitions: definitions.operators,
      place: 'step',
      extras: Object.keys(extras),
    })
    const condition = readExtra(node, extras.if, { name: 'if', path: at, context })
    const named = readExtra(node, extras.id, { name: 'id', path: at, context })
    if (component === undefined) continue
    const { type } = component.definition
    const count = (counts.get(type) ?? 0) + 1
    counts.set(type, count)
    const id = named ?? (count === 1 ? type : `${type}-${count}`)
    if (ids.has(id)) {
      const message = `two steps of the stage have the id "${id}"`
      context.findings.at(named === null ? at : [...at, 'id'], { code: 'CONFIG_INVALID', message })
    }
    ids.set(id, at)
    steps.push({ ...component, id, if: condition })
  }
  return steps
}

interface ExtraOptions {
  readonly name: string
  readonly path: ConfigPath
  readonly context: CheckContext
}

function readExtra<Schema extends z.ZodType>(
  step: ConfigNode,
  schema: Schema,
  { name, path, context }: ExtraOptions,
): z.output<Schema> | null {
  const node = step.kind === 'map' ? childOf(step, name) : undefined
  if (node === undefined) return null
  return checkSetting(schema, node, { ...context, path: [...path, name] })?.value ?? null
}

function readHooks(
  list: ConfigNode | undefined,
  path: ConfigPath,
  options: ReadOptions,
): HookSpec['listeners'][] {
  if (list?.kind !== 'list') return []
  return list.items.map((hook, index) => {
    const node = childOf(hook, 'do')
    return node === undefined ? [] : readListeners(node, [...path, index, 'do'], options)
  })
}

/** Several listeners may stand in one map, unlike sources and sinks. */
function readListeners(
  node: ConfigNode,
  path: ConfigPath,
  options: ReadOptions,
): HookSpec['listeners'] {
  const { context, definitions } = options
  const common = { context, path, definitions: definitions.listeners, place: 'listener' as const }
  if (node.kind !== 'map') return [readComponent(node, { ...common, extras: [] }) ?? []].flat()
  const names = [...node.entries.keys()].filter((name) => !name.startsWith('x-'))
  if (names.length === 0) {
    const message = `"do" names listeners, such as "log: { level: warn }", but this is ${describeNode(node)} without any`
    context.findings.at(path, { code: 'CONFIG_INVALID', message })
  }
  return names.flatMap((name) => {
    const extras = names.filter((other) => other !== name)
    return readComponent(node, { ...common, extras }) ?? []
  })
}

type StageFile = PipelineFile['stages'][number]

export interface StageOptions {
  readonly path: ConfigPath
  readonly defaults: PipelineFile['defaults']
  readonly components: StageComponents
}

export function buildStage(
  stage: StageFile,
  { path, defaults, components }: StageOptions,
): StageSpec {
  const retries = [stage.retry, defaults?.retry]
  const firstOf = <Value>(
    pick: (retry: StageFile['retry']) => Value | undefined,
  ): Value | undefined => {
    return retries.map(pick).find((value) => value !== undefined)
  }
  return {
    name: stage.name,
    path,
    source: components.source,
    from: [stage.from ?? []].flat(),
    steps: components.steps,
    key: stage.key ?? null,
    to: typeof stage.to === 'string' ? stage.to : null,
    outputs: typeof stage.to === 'object' ? stage.to : null,
    sink: components.sink,
    eventTime: stage.event_time ?? defaults?.event_time ?? null,
    start: stage.start,
    onError: stage.on_error ?? defaults?.on_error ?? 'dlq',
    delivery: stage.delivery ?? defaults?.delivery ?? 'exactly_once',
    concurrency: stage.concurrency ?? null,
    retry: {
      max: firstOf((retry) => retry?.max) ?? retryDefaults.max,
      backoff: {
        initialMs:
          firstOf((retry) => retry?.backoff?.initial) ?? parseDuration(retryDefaults.initial),
        maxMs: firstOf((retry) => retry?.backoff?.max) ?? parseDuration(retryDefaults.maxPause),
      },
    },
    idleMs: stage.idle,
    maxFutureMs: stage.max_future,
    limits: { lag: stage.limits?.lag ?? null, delayMs: stage.limits?.delay ?? null },
    maxKeys: stage.state?.max_keys ?? defaultMaxKeys,
    dlq: stage.dlq ?? null,
    late: stage.late ?? null,
    hooks: (stage.hooks ?? []).map((hook, index) => ({
      on: [hook.on].flat(),
      when: hook.when ?? null,
      listeners: components.listeners[index] ?? [],
      path: [...path, 'hooks', index],
    })),
  }
}
