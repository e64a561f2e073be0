import { PipelineError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import { topicsReadBy, topicsWrittenBy } from '../topology/order-nodes.ts'
import type { Topology } from '../topology/topology.ts'
import { logArguments, shownLog } from './choose-log.ts'
import type { LogChoice } from './log-choice.ts'
import type { PipelineFile } from './load-topologies.ts'

/** Topics that the pipelines only read and do not declare: somebody else makes them. */
export function outsideTopics(
  files: readonly PipelineFile[],
  topologies: readonly Topology[],
): Set<string> {
  const nodes = topologies.flatMap((topology) => topology.nodes)
  const known = new Set([
    ...nodes.flatMap(topicsWrittenBy),
    ...files.flatMap(({ spec }) => [...spec.topics.keys()]),
  ])
  return new Set(nodes.flatMap(topicsReadBy).filter((topic) => !known.has(topic)))
}

export interface TopicsWanted {
  readonly files: readonly PipelineFile[]
  readonly choice: LogChoice
  /** Whether the run creates the topics that are missing. */
  readonly creates: boolean
}

/**
 * Looks for the topics that a run will not create: none with `--no-create-topics`; on Kafka, where a
 * mistyped name would otherwise become a topic that stays empty, those of others.
 * @throws PipelineError CONFIG_TOPOLOGY with all that are missing.
 */
export async function assertTopicsExist(
  topologies: readonly Topology[],
  log: Pick<Log, 'admin'>,
  { files, choice, creates }: TopicsWanted,
): Promise<void> {
  const outside = outsideTopics(files, topologies)
  const all = topologies.flatMap(({ topics }) => topics.map(({ name }) => name))
  const needed = creates ? (choice.kind === 'kafka' ? [...outside] : []) : [...new Set(all)]
  if (needed.length === 0) return
  const there = new Set((await log.admin.describeTopics(needed)).map(({ name }) => name))
  const missing = needed.filter((name) => !there.has(name))
  if (missing.length === 0) return
  const others = missing.filter((name) => outside.has(name) && choice.kind === 'kafka')
  const own = missing.filter((name) => !others.includes(name))
  const messages = [
    own.length === 0
      ? ''
      : `${count(own)} not on ${shownLog(choice)}: ${own.join(', ')}; create them with \`${applyCommand(files, choice)}\`, or leave out --no-create-topics`,
    others.length === 0
      ? ''
      : `${count(others)} not on ${shownLog(choice)}, and no stage writes to ${others.length === 1 ? 'it' : 'them'}: ${others.join(', ')}; check the name, create it there, or declare it under "topics:"`,
  ]
  throw new PipelineError('CONFIG_TOPOLOGY', messages.filter((text) => text !== '').join('; '))
}

function count(names: readonly string[]): string {
  return names.length === 1 ? 'one topic is' : `${names.length} topics are`
}

function applyCommand(files: readonly PipelineFile[], choice: LogChoice): string {
  const names = files.map(({ shown }) => shown).join(' ')
  return `millrace topics apply ${names} ${logArguments(choice)}`.trimEnd()
}
