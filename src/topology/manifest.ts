import { hash } from 'node:crypto'
import { PipelineError } from '../core/errors.ts'
import { topicsReadBy, topicsWrittenBy } from './order-nodes.ts'
import type { SourceInput, StageNode, Topology } from './topology.ts'

/** What stored topics, positions and state of a pipeline were made by; kept in the log from the first run on. */
export interface Manifest {
  readonly version: 1
  readonly topics: Readonly<Record<string, number>>
  readonly reads: readonly string[]
  readonly writes: readonly string[]
  readonly nodes: Readonly<Record<string, NodeFingerprint>>
}

interface NodeFingerprint {
  readonly input: readonly string[]
  readonly tasks: number
  /** By id of the stateful steps: a hash of the setting that their state depends on. */
  readonly state: Readonly<Record<string, string>>
}

/** Marks state that records have gone into which were not yet emitted. */
const holdingPrefix = 'holding-'

export function manifestOf(topology: Topology): Manifest {
  return {
    version: 1,
    topics: Object.fromEntries(topology.topics.map(({ name, partitions }) => [name, partitions])),
    reads: [...new Set(topology.nodes.flatMap(topicsReadBy))],
    writes: [
      ...new Set(topology.nodes.flatMap((node) => [...topicsWrittenBy(node), ...ownTopics(node)])),
    ],
    nodes: Object.fromEntries(topology.nodes.map((node) => [node.id, fingerprint(node, topology)])),
  }
}

/** Topics that are of no use without the node. */
function ownTopics({ changelogTopic, input }: StageNode): string[] {
  const replay = input.kind === 'topics' ? (input.replay?.name ?? null) : null
  return [changelogTopic, replay].filter((topic) => topic !== null)
}

function fingerprint(node: StageNode, { nodes }: Topology): NodeFingerprint {
  // What the first part reads: the topics between the parts of a stage say nothing about the data.
  const { input } = nodes.find(({ stage }) => stage === node.stage) ?? node
  const stateful = node.steps.filter(
    (step) => step.definition.kind === 'stateful' && step.part === 'whole',
  )
  return {
    input: input.kind === 'source' ? [sourceName(input)] : input.topics.map(({ name }) => name),
    tasks: node.tasks,
    state: Object.fromEntries(
      stateful.map(({ id, definition, config }) => {
        const holdsRecords = definition.kind === 'stateful' && definition.project !== undefined
        const hashed = digest({ type: definition.type, config })
        return [id, holdsRecords ? `${holdingPrefix}${hashed}` : hashed]
      }),
    ),
  }
}

function sourceName(input: SourceInput): string {
  return `source:${input.definition.type}`
}

function digest(value: unknown): string {
  return hash('sha256', JSON.stringify(value), 'hex').slice(0, 16)
}

/** @throws PipelineError LOG_CORRUPT, LOG_VERSION */
export function parseManifest(text: string): Manifest {
  const manifest = parsedOrNull(text)
  if (manifest === null)
    throw new PipelineError('LOG_CORRUPT', 'the stored manifest of the pipeline cannot be read')
  if (manifest.version !== 1) {
    throw new PipelineError(
      'LOG_VERSION',
      `the manifest has version ${String(manifest.version)}; use the Millrace that wrote it, or a newer one`,
    )
  }
  return manifest
}

function parsedOrNull(text: string): Manifest | null {
  try {
    const { version, topics, nodes } = JSON.parse(text) as Partial<Manifest>
    const isWhole = version !== 1 || (typeof topics === 'object' && typeof nodes === 'object')
    return isWhole ? (JSON.parse(text) as Manifest) : null
  } catch {
    // No JSON, or null.
    return null
  }
}

/**
 * Compares what is stored with what is about to run.
 * @returns for each change that stored state or topics do not allow, a sentence that says so.
 */
export function incompatibilities(stored: Manifest, wanted: Manifest): string[] {
  const problems: string[] = []
  for (const [topic, partitions] of Object.entries(stored.topics)) {
    const now = wanted.topics[topic]
    if (now !== undefined && now !== partitions) {
      problems.push(
        `the topic "${topic}" has ${partitions} partitions, which are fixed; the file now says ${now}`,
      )
    }
  }
  for (const [id, before] of Object.entries(stored.nodes)) {
    const now = wanted.nodes[id]
    if (now !== undefined) problems.push(...nodeIncompatibilities(id, before, now))
  }
  return problems
}

function nodeIncompatibilities(
  id: string,
  before: NodeFingerprint,
  now: NodeFingerprint,
): string[] {
  const problems = Object.entries(before.state)
    .filter(([step, hashed]) => now.state[step] !== undefined && now.state[step] !== hashed)
    .map(
      ([step]) =>
        `the step "${step}" of the stage "${id}" keeps state that its changed setting does not fit; another \`id:\` gives it new, empty state`,
    )
  const hasState = Object.keys(before.state).length > 0
  const removed = Object.entries(before.state).flatMap(([step, hashed]) =>
    now.state[step] === undefined && hashed.startsWith(holdingPrefix) ? [step] : [],
  )
  if (removed.length > 0 && Object.keys(now.state).length === 0) {
    problems.push(
      `the stage "${id}" no longer has the step "${removed.join('", "')}", whose state holds records that were not yet emitted`,
    )
  }
  if (hasState && before.input.join() !== now.input.join()) {
    problems.push(
      `the stage "${id}" keeps state of ${before.input.join(', ')} and now reads ${now.input.join(', ')}`,
    )
  }
  if (before.tasks !== now.tasks && hasState) {
    problems.push(
      `the stage "${id}" keeps the state of ${before.tasks} tasks and would now have ${now.tasks}`,
    )
  }
  return problems
}
