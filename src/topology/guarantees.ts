import { guarantees, type EndpointGuarantee, type Guarantee } from '../core/endpoints.ts'
import { guaranteeOf } from './guarantee-of-hop.ts'
import { outputTopicsOf, topicsWrittenBy } from './order-nodes.ts'
import type { LogKind, StageNode, Topology } from './topology.ts'

/** One step of a record on its way, from where it lies to where it is written. */
export interface Hop extends EndpointGuarantee {
  readonly stage: string
  /** The stage, or the part of it that the compiler cut off. */
  readonly node: string
  readonly from: string
  readonly to: string
}

/** From a source, or a topic that no stage of the file writes, to an end. */
export interface GuaranteedPath {
  readonly guarantee: Guarantee
  /** Whether it begins at a topic that others write: what they repeat is beyond what is known here. */
  readonly beginsOutside: boolean
  readonly hops: readonly Hop[]
}

/** A sink, or a topic that no stage of the file reads, with all that is known of the ways to it. */
export interface GuaranteedOutput {
  readonly output: string
  readonly stage: string
  /** Of all paths together. */
  readonly guarantee: Guarantee
  /** The hops that make it no better; empty where all are exactly once. */
  readonly weakest: readonly {
    readonly stage: string
    readonly from: string
    readonly to: string
  }[]
  readonly paths: readonly GuaranteedPath[]
  /** More paths than are listed. */
  readonly morePaths: boolean
}

export interface HookGuarantee {
  readonly stage: string
  readonly listener: string
  readonly on: readonly string[]
}

export interface PipelineGuarantees {
  readonly pipeline: string
  readonly log: LogKind
  readonly outputs: readonly GuaranteedOutput[]
  /** Best effort, all of them. */
  readonly hooks: readonly HookGuarantee[]
}

/** Paths through a pipeline can be many: so many are listed for each output. */
export const maxPaths = 20

/** What holds for the records of a pipeline on a log, computed from its topology alone. */
export function pipelineGuarantees(topology: Topology, log: LogKind): PipelineGuarantees {
  const { prefix, pipeline, nodes, hooks } = topology
  const read = new Set(nodes.flatMap(({ input }) => topicNames(input)))
  const ends = nodes.flatMap((node) => endsOf(node).filter(({ to }) => !read.has(to)))
  return {
    pipeline: `${prefix}${pipeline}`,
    log,
    outputs: ends.map((end) => outputOf(end, { nodes, log })),
    hooks: hooks.map(({ stage, listener, on }) => ({ stage, listener: listener.type, on })),
  }
}

/** A node with one of the places that it writes to. */
interface End {
  readonly node: StageNode
  readonly to: string
}

function endsOf(node: StageNode): End[] {
  const { output } = node
  // In words where it is no name of a topic.
  if (output === null) return [{ node, to: '(no output)' }]
  if (output.kind === 'sink') return [{ node, to: output.definition.type }]
  return outputTopicsOf(node).map(({ topic }) => ({ node, to: topic }))
}

interface Graph {
  readonly nodes: readonly StageNode[]
  readonly log: LogKind
}

function outputOf(end: End, graph: Graph): GuaranteedOutput {
  const found = pathsTo(end, graph)
  const paths = found.slice(0, maxPaths)
  // Not of the listed paths: a weak link counts wherever it is.
  const hops = hopsTo(end, graph)
  const guarantee = weakestOf(hops.map((hop) => hop.guarantee))
  const weakest = hops
    .filter((hop) => isToBlame(hop.guarantee, guarantee))
    .map(({ stage, from, to }) => ({ stage, from, to }))
  return {
    output: end.to,
    stage: end.node.stage,
    guarantee,
    weakest,
    paths,
    morePaths: found.length > maxPaths,
  }
}

/** Every hop on any path, once each, upstream before downstream. */
function hopsTo(end: End, graph: Graph): Hop[] {
  const hops = new Map<string, Hop>()
  const walk = (node: StageNode, to: string): void => {
    for (const from of sourcesOf(node)) {
      const key = `${node.id}\n${from}\n${to}`
      if (hops.has(key)) continue
      for (const writer of writersOf(node, from, graph)) walk(writer, from)
      hops.set(key, hopOf(node, { from, to }, graph))
    }
  }
  walk(end.node, end.to)
  return [...hops.values()]
}

function hopOf(node: StageNode, way: { from: string; to: string }, { log }: Graph): Hop {
  return { stage: node.stage, node: node.id, ...way, ...guaranteeOf(node, log) }
}

/** Who writes what the node reads, as results or as records set aside. */
function writersOf({ input }: StageNode, topic: string, { nodes }: Graph): StageNode[] {
  return input.kind === 'source'
    ? []
    : nodes.filter((node) => topicsWrittenBy(node).includes(topic))
}

/** At most one more than are listed. Nothing runs in circles: such a file has been refused. */
function pathsTo(end: End, graph: Graph): GuaranteedPath[] {
  const paths: GuaranteedPath[] = []
  const walk = (node: StageNode, to: string, behind: readonly Hop[]): void => {
    for (const from of sourcesOf(node)) {
      if (paths.length > maxPaths) return
      const hops = [hopOf(node, { from, to }, graph), ...behind]
      const writers = writersOf(node, from, graph)
      for (const writer of writers) walk(writer, from, hops)
      if (writers.length > 0) continue
      const guarantee = weakestOf(hops.map((hop) => hop.guarantee))
      paths.push({ guarantee, beginsOutside: node.input.kind === 'topics', hops })
    }
  }
  walk(end.node, end.to, [])
  return paths
}

function sourcesOf({ input }: StageNode): readonly string[] {
  return input.kind === 'source' ? [input.definition.type] : topicNames(input)
}

function topicNames(input: StageNode['input']): string[] {
  return input.kind === 'topics' ? input.topics.map(({ name }) => name) : []
}

function isToBlame(hop: Guarantee, whole: Guarantee): boolean {
  if (whole === 'best_effort') return hop === 'at_least_once' || hop === 'at_most_once'
  return hop === whole && whole !== 'exactly_once'
}

function weakestOf(found: readonly Guarantee[]): Guarantee {
  // What one part loses and another repeats is neither of the two.
  if (found.includes('at_least_once') && found.includes('at_most_once')) return 'best_effort'
  const ranks = found.map((guarantee) => guarantees.indexOf(guarantee))
  return guarantees[Math.max(0, ...ranks)]!
}
