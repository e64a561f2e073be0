import { z } from 'zod'
import type { SinkDefinition } from '../core/endpoints.ts'
import { PipelineError } from '../core/errors.ts'
import type { ListenerDefinition } from '../core/hook.ts'
import type { StageSpec } from '../spec/pipeline-spec.ts'
import { settingsOf } from './cut-stage.ts'
import type { TopicTable } from './topic-table.ts'
import type { LogKind, StageHook, StageNode } from './topology.ts'

export interface HookEnvironment {
  readonly pipeline: string
  readonly prefix: string
  readonly topics: TopicTable
  readonly log: LogKind
}

/**
 * A node for each listener of a reliable hook: it reads the events of the pipeline as a consumer group of
 * its own and gives them to the listener, as a stage gives records to its sink.
 */
export function hookNodes(
  stage: StageSpec,
  hooks: readonly StageHook[],
  environment: HookEnvironment,
): StageNode[] {
  const { pipeline, prefix, topics, log } = environment
  return hooks.flatMap(({ stage: of, node: id, listener, config }) => {
    if (of !== stage.name || id === null) return []
    const { name, partitions } = topics.events()
    return {
      id,
      // No stage of a file has a point in its name.
      stage: id,
      role: 'sink' as const,
      group: `${prefix}${pipeline}.${id}`,
      input: { kind: 'topics' as const, topics: [{ name, partitions }] },
      decode: 'none' as const,
      fields: null,
      steps: [],
      eventTime: null,
      needsEventTime: false,
      encode: null,
      output: {
        kind: 'sink' as const,
        definition: listenerSink(listener),
        config: null,
        key: null,
      },
      deadLetterTopic: topics.refusedEvents(),
      lateTopic: '',
      eventsTopic: '',
      hookOf: stage.name,
      publishes: listener.topics?.(config) ?? [],
      // What the listener did cannot be undone with a transaction.
      delivery: log === 'kafka' ? ('at_least_once' as const) : ('exactly_once' as const),
      hasState: false,
      changelogTopic: null,
      settings: {
        ...settingsOf(stage),
        // Events that wait since before the hook was first run are still to be told.
        start: 'earliest' as const,
        onError: 'dlq' as const,
        limits: { lag: null, delayMs: null },
      },
      tasks: partitions,
    }
  })
}

/** What the topology says of a listener; whoever runs the node puts the listener in its place. */
function listenerSink({ type, summary }: ListenerDefinition): SinkDefinition {
  return {
    type,
    summary,
    config: z.unknown(),
    examples: [{ title: 'No setting', config: null }],
    delivery: 'at_least_once',
    remembers: false,
    guarantee: () => ({
      guarantee: 'at_least_once',
      why: 'An event is given to the listener until that has taken it; then the position is committed.',
      afterCrash: 'The events since the last commit are told again.',
      dropBy: 'the id of the event, which stays the same.',
    }),
    singleTask: () => false,
    files: () => [],
    reset: () => Promise.resolve(),
    create: () => {
      throw new PipelineError('INVARIANT', `the listener ${type} was opened as a sink`)
    },
  }
}
