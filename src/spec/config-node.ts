import type { ConfigPath } from './pipeline-spec.ts'

/**
 * A pipeline file as a tree of plain nodes, each with its place. It stands between YAML and the
 * schemas: variables are filled in, aliases are resolved (an aliased node is one object in several
 * places), and data for the schemas is made from it, more than once where a scalar's type depends on
 * its setting.
 */
export type ConfigNode = MapNode | ListNode | ScalarNode

interface Placed {
  /** Offsets in the text of the file. */
  readonly start: number
  readonly end: number
  /** Nodes of the tree below, aliases counted as often as they are used. */
  readonly size: number
}

export interface MapEntry {
  readonly keyStart: number
  readonly value: ConfigNode
}

export interface MapNode extends Placed {
  readonly kind: 'map'
  readonly entries: ReadonlyMap<string, MapEntry>
}

export interface ListNode extends Placed {
  readonly kind: 'list'
  readonly items: readonly ConfigNode[]
}

/** A variable that was filled in: the text `raw[at, at + length)` became `filled` characters. */
export interface Substitution {
  readonly at: number
  readonly length: number
  readonly filled: number
}

/** A variable that could not be filled in; told only where the scalar is used. */
export interface VariableProblem {
  readonly message: string
  readonly hint?: string
  /** The variable as it is written. */
  readonly reference: string
}

export interface ScalarNode extends Placed {
  readonly kind: 'scalar'
  /** Text, number, boolean, null, or an exact number that a double cannot hold. */
  readonly value: unknown
  /** Whether anything is written: `key:` with nothing behind it is null, but empty. */
  readonly isEmpty: boolean
  /** The whole scalar is one `${...}`, so that it takes the type which its setting needs. */
  readonly isVariable: boolean
  /** A secret was filled in: no message shows the value. */
  readonly isSecret: boolean
  /** Why the value is not what the file means to say: such a scalar gets no further errors. */
  readonly problem: VariableProblem | 'reported' | null
  readonly substitutions: readonly Substitution[]
}

/** What a setting reads in place of the nodes as they are. */
export interface DataOptions {
  /** Entries that are ignored (`x-...`). */
  readonly ignored: ReadonlySet<MapEntry>
  /** Scalars in the type that their setting needs. */
  readonly converted: ReadonlyMap<ScalarNode, unknown>
}

export function dataOf(node: ConfigNode, options: DataOptions): unknown {
  if (node.kind === 'scalar') {
    return options.converted.has(node) ? options.converted.get(node) : node.value
  }
  if (node.kind === 'list') return node.items.map((item) => dataOf(item, options))
  const data: Record<string, unknown> = {}
  for (const [name, entry] of node.entries) {
    if (!options.ignored.has(entry)) data[name] = dataOf(entry.value, options)
  }
  return data
}

/** The node at the end of a path, or undefined where the file has nothing there. */
export function nodeAt(root: ConfigNode, path: ConfigPath): ConfigNode | undefined {
  let node: ConfigNode | undefined = root
  for (const part of path) {
    if (node === undefined) return undefined
    node = childOf(node, part)
  }
  return node
}

export function childOf(node: ConfigNode, part: string | number): ConfigNode | undefined {
  if (node.kind === 'map') return node.entries.get(String(part))?.value
  if (node.kind === 'list') return node.items[Number(part)]
  return undefined
}

/** The scalars below `node`, with their paths; those inside ignored entries are left out. */
export function* scalarsOf(
  node: ConfigNode,
  ignored: ReadonlySet<MapEntry>,
  path: ConfigPath = [],
): Generator<{ scalar: ScalarNode; path: ConfigPath }> {
  if (node.kind === 'scalar') {
    yield { scalar: node, path }
  } else if (node.kind === 'list') {
    for (const [index, item] of node.items.entries())
      yield* scalarsOf(item, ignored, [...path, index])
  } else {
    for (const [name, entry] of node.entries) {
      if (!ignored.has(entry)) yield* scalarsOf(entry.value, ignored, [...path, name])
    }
  }
}

export function describeNode(node: ConfigNode): string {
  if (node.kind === 'map') return 'a map'
  if (node.kind === 'list') return 'a list'
  if (node.isSecret) return '"***"'
  return node.value === null ? 'nothing' : quoteValue(node.value)
}

const maxQuoted = 60

/** A value as it is shown in messages: short, and on one line. */
export function quoteValue(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length <= maxQuoted ? text : `${text.slice(0, maxQuoted)}...`
}
