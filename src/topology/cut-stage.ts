import { invariant } from '../core/errors.ts'
import { Aggregation, Expression } from '../core/expression.ts'
import type { Delivery, StageSpec } from '../spec/pipeline-spec.ts'
import { fieldsNeeded } from './fields-needed.ts'
import {
  keepsState as keepsStepState,
  keepsStateByPartition,
  needsRegrouping,
  splitSteps,
} from './split-steps.ts'
import type { TopicTable } from './topic-table.ts'
import { routedOutput, templateOf, topicOf } from './routed-output.ts'
import type {
  LogKind,
  NodeStep,
  Regroup,
  SinkOutput,
  SourceInput,
  StageNode,
  StageRole,
  TopicInput,
  TopicOutput,
  TopologyTopic,
} from './topology.ts'

export interface CutEnvironment {
  readonly pipeline: string
  readonly prefix: string
  readonly topics: TopicTable
  readonly regroup: Regroup
  readonly log: LogKind
}

type Part = Pick<StageNode, 'input' | 'steps' | 'output' | 'role'> & {
  readonly suffix: '' | '.source' | '.repartition' | `.state${string}` | '.sink'
}

/**
 * Makes one node of a stage, or several joined by internal topics where a part must survive on its
 * own (a source or a sink beside steps), where records have to be brought together by another key, or
 * where state comes before steps that wait for a peer.
 */
export function cutStage(stage: StageSpec, environment: CutEnvironment): StageNode[] {
  const parts: Part[] = []
  let input = inputOf(stage, environment.topics)
  const isStateful = stage.steps.some((step) => step.definition.kind === 'stateful')
  // What a peer makes of records can be repeated only where the records themselves are kept.
  const isAsync = stage.steps.some((step) => step.definition.kind === 'async')
  if (input.kind === 'source' && (stage.sink !== null || isStateful || isAsync)) {
    // The key is made after the steps; state by partition then needs all records in one.
    const partitions = stage.steps.some(({ definition }) => keepsStateByPartition(definition))
      ? 1
      : null
    const topic = environment.topics.between(stage.name, 'in', partitions)
    parts.push({
      suffix: '.source',
      role: 'producer',
      input,
      steps: [],
      output: { ...toTopic(topic, { key: null, input }), ...tellsSource(stage) },
    })
    input = { ...readingFrom([topic]), ...tellsSource(stage) }
  }
  const cutSink =
    stage.sink !== null && (isStateful || (parts.length > 0 && stage.steps.length > 0))
  const afterSteps = cutSink
    ? environment.topics.between(stage.name, 'out', partitionsOf(input))
    : null
  const { before, after } = splitSteps(stage.steps, partitionsOf(input), environment.regroup)
  for (const { steps, cut } of before) {
    const earlier = parts.filter(({ suffix }) => suffix.startsWith('.state')).length
    const number = earlier === 0 ? '' : (`-${earlier + 1}` as const)
    const isRegrouped = cut === 'repartition'
    const name = isRegrouped ? cut : (`${cut}${number}` as const)
    const topic = environment.topics.between(stage.name, name, partitionsOf(input))
    const output = toTopic(topic, { key: null, input })
    parts.push({
      suffix: isRegrouped ? '.repartition' : `.state${number}`,
      role: steps.some(({ part }) => part === 'project') ? 'analysis' : 'cleaning',
      input,
      steps,
      output: isRegrouped ? { ...output, samePartition: false, markers: true } : output,
    })
    input = readingFrom([topic])
  }
  parts.push({
    ...lastStepsPart(stage, { input, steps: after, topics: environment.topics, afterSteps }),
    suffix: sinkSuffix(parts, { stage, cutSink }),
  })
  if (afterSteps !== null) {
    parts.push({
      suffix: '.sink',
      role: 'sink',
      input: readingFrom([afterSteps]),
      steps: [],
      // The part before has set the key.
      output: { ...sinkOf(stage), key: null },
    })
  }
  // Steps may prepare the event time, so that it is not judged before them.
  const timed = parts.find(({ steps }) => steps.length > 0) ?? parts[0]
  const nodes = parts.map((part) =>
    nodeOf(part, stage, { ...environment, isTimed: part === timed }),
  )
  return stage.onError === 'dlq' ? withReplay(nodes, environment.topics) : nodes
}

/** Dead letters come back to the first part that reads topics: from there on the stage is as they met it. */
function withReplay(nodes: readonly StageNode[], topics: TopicTable): StageNode[] {
  const first = nodes.find(({ input }) => input.kind === 'topics')
  return nodes.map((node) => {
    const { input, stage, deadLetterTopic: deadLetters } = node
    if (node !== first || input.kind !== 'topics') return node
    const partitions = partitionsOf(input)!
    const replay = topics.replay(stage, { deadLetters, partitions })
    return {
      ...node,
      input: { ...input, replay: { name: replay.name, partitions: replay.partitions } },
    }
  })
}

/** It takes room in each record: only where an expression may read it. */
function tellsSource({ steps, key, eventTime, outputs }: StageSpec): {
  readonly tellsSource?: true
} {
  const settings = steps.map((step) => [step.if, step.config])
  return mentionsSource([settings, key, eventTime, outputs]) ? { tellsSource: true } : {}
}

/** Whether an expression inside a setting has the word. */
function mentionsSource(config: unknown): boolean {
  if (config instanceof Expression || config instanceof Aggregation)
    return /\bsource\b/.test(config.source)
  return typeof config === 'object' && config !== null && Object.values(config).some(mentionsSource)
}

/** A stage of source and sink alone has two parts, and the second is its sink. */
function sinkSuffix(
  parts: readonly Part[],
  of: { stage: StageSpec; cutSink: boolean },
): '' | '.sink' {
  return parts.length > 0 && of.stage.sink !== null && !of.cutSink ? '.sink' : ''
}

function lastStepsPart(
  stage: StageSpec,
  at: {
    input: Part['input']
    steps: readonly NodeStep[]
    topics: TopicTable
    afterSteps: TopologyTopic | null
  },
): Omit<Part, 'suffix'> {
  const { input, steps } = at
  const role = roleOf(stage, input)
  if (at.afterSteps !== null)
    return {
      role,
      input,
      steps,
      output: toTopic(at.afterSteps, { key: stage.key?.evaluate ?? null, input }),
    }
  if (stage.sink !== null) return { role, input, steps, output: sinkOf(stage) }
  const key = stage.key?.evaluate ?? null
  if (stage.outputs !== null)
    return { role, input, steps, output: routedOutput(stage, { key, input, topics: at.topics }) }
  if (stage.to === null) return { role, input, steps, output: null }
  return { role, input, steps, output: toTopic(at.topics.user(stage.to), { key, input }) }
}

function inputOf(stage: StageSpec, topics: TopicTable): SourceInput | TopicInput {
  if (stage.source !== null) {
    return { kind: 'source', definition: stage.source.definition, config: stage.source.config }
  }
  return readingFrom(stage.from.map((name) => topics.user(name)))
}

function readingFrom(topics: readonly TopologyTopic[]): TopicInput {
  return { kind: 'topics', topics: topics.map(({ name, partitions }) => ({ name, partitions })) }
}

function partitionsOf(input: SourceInput | TopicInput): number | null {
  return input.kind === 'source'
    ? null
    : Math.max(...input.topics.map(({ partitions }) => partitions))
}

function toTopic(
  topic: TopologyTopic,
  from: { key: StageNode['eventTime']; input: Part['input'] },
): TopicOutput {
  return { kind: 'topic', ...topicOf(topic, from), key: from.key, markers: false }
}

function sinkOf({ sink, key }: StageSpec): SinkOutput {
  invariant(sink !== null, 'only a stage with a sink has a sink part')
  const { definition, config } = sink
  return { kind: 'sink', definition, config, key: key?.evaluate ?? null }
}

function roleOf(stage: StageSpec, input: Part['input']): StageRole {
  if (input.kind === 'source') return 'producer'
  if (
    stage.steps.some(
      (step) => step.definition.kind === 'stateful' && step.definition.project !== undefined,
    )
  )
    return 'analysis'
  return stage.sink !== null ? 'sink' : 'cleaning'
}

function nodeOf(
  part: Part,
  stage: StageSpec,
  environment: CutEnvironment & { isTimed: boolean },
): StageNode {
  const { input, steps, output } = part
  const isStateful = steps.some(keepsStepState)
  const eventTime = environment.isTimed ? (stage.eventTime?.evaluate ?? null) : null
  const tasks = taskCount(part, environment.regroup)
  const partitions = partitionsOf(input) ?? 1
  const id = `${stage.name}${part.suffix}`
  const hasState = keepsState(part)
  const hasChangelog = hasState && environment.log === 'kafka'
  return {
    id,
    stage: stage.name,
    role: part.role,
    group: `${environment.prefix}${environment.pipeline}.${stage.name}${part.suffix}`,
    input,
    decode: decodeOf(part, eventTime),
    fields:
      decodeOf(part, eventTime) === 'json'
        ? fieldsNeeded(steps, stage, {
            eventTime: eventTime !== null,
            key: hasKey(part),
            template: templateOf(part),
          })
        : null,
    steps,
    eventTime,
    needsEventTime:
      eventTime !== null || isStateful || (output?.kind === 'topic' && output.markers),
    output,
    deadLetterTopic: environment.topics.aside(stage.name, 'dead_letter', {
      name: stage.dlq,
      partitions,
    }),
    lateTopic: isStateful
      ? environment.topics.aside(stage.name, 'late', { name: stage.late, partitions })
      : '',
    delivery: deliveryOf(stage, { hasState, log: environment.log }),
    hasState,
    changelogTopic: hasChangelog
      ? environment.topics.changelog({ id, stage: stage.name, tasks })
      : null,
    settings: {
      start: stage.start,
      onError: stage.onError,
      concurrency: stage.concurrency,
      retry: stage.retry,
      idleMs: stage.idleMs,
      maxFutureMs: stage.maxFutureMs,
      limits: stage.limits,
      maxKeys: stage.maxKeys,
    },
    tasks,
  }
}

/** Positions of a source, entries of steps, the memory of a sink, the watermark that markers tell. */
function keepsState({ input, steps, output }: Part): boolean {
  if (input.kind === 'source') return true
  if (steps.some(keepsStepState)) return true
  if (output?.kind === 'sink') return output.definition.remembers !== false
  return output?.kind === 'topic' && output.markers
}

/**
 * State, outputs and positions that are not of one moment would contradict each other after a crash.
 * All parts of a stage that keeps state between records commit alike.
 */
function deliveryOf(stage: StageSpec, of: { hasState: boolean; log: LogKind }): Delivery {
  if (of.log === 'embedded' || of.hasState) return 'exactly_once'
  const isStateful = stage.steps.some(({ definition }) => definition.kind === 'stateful')
  return isStateful ? 'exactly_once' : stage.delivery
}

/** Whether the step takes the record's text instead of a decoded value. */
export function readsRawRecord(step: Pick<NodeStep, 'definition' | 'config'>): boolean {
  return step.definition.type === 'parse' && (step.config as { field: unknown }).field === null
}

function decodeOf(part: Part, eventTime: StageNode['eventTime']): StageNode['decode'] {
  const first = part.steps[0]
  if (first !== undefined && readsRawRecord(first)) return 'raw'
  const readsValue =
    part.steps.length > 0 || eventTime !== null || hasKey(part) || templateOf(part) !== null
  return readsValue ? 'json' : 'none'
}

function hasKey({ output }: Part): boolean {
  return output !== null && output.key !== null
}

function taskCount(part: Part, regroup: Regroup): number {
  const { input, output, steps } = part
  if (input.kind === 'source') return 1
  if (output?.kind === 'sink' && output.definition.singleTask(output.config)) return 1
  const regroups = steps.some(
    (step) => step.part === 'project' && needsRegrouping(step, partitionsOf(input)),
  )
  const writesGroups = output?.kind === 'topic' && output.markers
  if (regroup === 'one_task' && regroups && !writesGroups) return 1
  return Math.max(...input.topics.map(({ partitions }) => partitions))
}
