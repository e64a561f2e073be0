import type { Template } from '../core/expression.ts'
import type { StageSpec } from '../spec/pipeline-spec.ts'
import { outputTopics } from '../spec/stage-outputs.ts'
import type { TopicTable } from './topic-table.ts'
import type {
  OutputChoice,
  RoutedOutput,
  RoutedTopic,
  StageNode,
  TopologyTopic,
} from './topology.ts'

/** What of a part decides which partitions its results go to. */
type From = Pick<StageNode, 'input'> & { readonly key: StageNode['eventTime'] }

/** The several outputs of a stage; topics that stand there twice count once. */
export function routedOutput(
  stage: StageSpec,
  from: From & { readonly topics: TopicTable },
): RoutedOutput {
  const names = new Set(outputTopics(stage).map(({ topic }) => topic))
  return {
    kind: 'topics',
    topics: [...names].map((name) => topicOf(from.topics.user(name), from)),
    choice: choiceOf(stage),
    key: from.key,
  }
}

/** How results get to a topic: each to the partition that its record came from, or by key. */
export function topicOf({ name, partitions }: TopologyTopic, { key, input }: From): RoutedTopic {
  const samePartition =
    key === null &&
    input.kind === 'topics' &&
    input.topics.every((read) => read.partitions === partitions)
  return { topic: name, partitions, samePartition }
}

/** What is evaluated on the value behind the steps to choose the topic; null: nothing. */
export function templateOf({ output }: Pick<StageNode, 'output'>): Template | null {
  return output?.kind === 'topics' && output.choice.kind === 'template'
    ? output.choice.template
    : null
}

function choiceOf({ outputs }: StageSpec): OutputChoice {
  if (outputs?.kind === 'template') return { kind: 'template', template: outputs.template }
  return {
    kind: 'route',
    byName: outputs?.topics ?? new Map<string, string>(),
    otherwise: outputs?.otherwise ?? null,
  }
}
