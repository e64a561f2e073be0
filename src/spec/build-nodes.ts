import {
  isAlias,
  isCollection,
  isMap,
  isScalar,
  type Document,
  type Node,
  type Scalar,
  type YAMLMap,
} from 'yaml'
import { buildScalar, emptyScalar, isUnwritten } from './build-scalar.ts'
import type { ConfigNode, MapEntry, MapNode } from './config-node.ts'
import type { Findings } from './findings.ts'
import type { ConfigPath } from './pipeline-spec.ts'
import { quoteHint } from './quote-hint.ts'
import type { Variables } from './substitute-variables.ts'

/** Nodes with aliases counted as often as they are used. */
const maxNodes = 50_000
const refusedNames = new Set(['__proto__', 'constructor', 'prototype'])

export interface BuildOptions {
  readonly findings: Findings
  readonly variables: Variables
}

/** Makes the tree of a document, and reports the parts of YAML in it that pipeline files do not allow. */
export function buildNodes(
  document: Document.Parsed,
  text: string,
  options: BuildOptions,
): ConfigNode {
  return new NodeBuilder(text, options).build(document.contents, { path: [], isFlow: false })
}

interface Place {
  readonly path: ConfigPath
  readonly isFlow: boolean
}

type ParsedPair = YAMLMap.Parsed['items'][number]

class NodeBuilder {
  readonly #text: string
  readonly #findings: Findings
  readonly #variables: Variables
  /** What was anchored so far; null while it is still being built. */
  readonly #anchors = new Map<string, ConfigNode | null>()

  constructor(text: string, options: BuildOptions) {
    this.#text = text
    this.#findings = options.findings
    this.#variables = options.variables
  }

  build(node: Node | null, place: Place): ConfigNode {
    if (node === null) return emptyScalar(0)
    if (isAlias(node)) return this.#resolve(node.source, node.range?.[0] ?? 0, place.path)
    const { anchor } = node as Scalar
    if (anchor !== undefined) this.#anchors.set(anchor, null)
    const built = this.#buildPlain(node, place)
    if (anchor !== undefined) this.#anchors.set(anchor, built)
    if (built.size > maxNodes) {
      const message = `the file has more than ${maxNodes} values once its aliases are filled in`
      this.#findings.atOffset(built.start, { code: 'CONFIG_YAML', message }, place.path)
      this.#findings.throwIfAny()
    }
    return built
  }

  #buildPlain(node: Node, { path, isFlow }: Place): ConfigNode {
    if (isScalar(node)) {
      const context = { text: this.#text, findings: this.#findings, variables: this.#variables }
      return buildScalar(node as Scalar.Parsed, { ...context, path, isFlow })
    }
    if (isMap(node))
      return this.#buildMap(node as YAMLMap.Parsed, { path, isFlow: node.flow === true })
    if (!isCollection(node)) return emptyScalar(node.range?.[0] ?? 0)
    const inside = isFlow || node.flow === true
    const items = node.items.map((item, index) => {
      return this.build(item as Node, { path: [...path, index], isFlow: inside })
    })
    return { kind: 'list', items, ...extentOf(node), size: sizeOf(items) }
  }

  #resolve(anchor: string, start: number, path: ConfigPath): ConfigNode {
    const known = this.#anchors.get(anchor)
    if (known !== undefined && known !== null) return known
    const why =
      known === null ? 'and it would hold itself' : `and nothing before is named "&${anchor}"`
    const message = `"*${anchor}" is read as a YAML alias, ${why}`
    const hint = known === null ? undefined : quoteHint(this.#text, start)
    this.#findings.atOffset(start, { code: 'CONFIG_YAML', message, hint }, path)
    return { ...emptyScalar(start), isEmpty: false, problem: 'reported' }
  }

  #buildMap(map: YAMLMap.Parsed, { path, isFlow }: Place): MapNode {
    const entries = new Map<string, MapEntry>()
    for (const pair of map.items) {
      const name = this.#nameOf(pair, path)
      if (name === null) continue
      const keyStart = pair.key.range[0]
      const at = [...path, name]
      const before = entries.get(name)
      if (before !== undefined) {
        const { line } = this.#findings.positionOf(before.keyStart)
        const message = `the key "${name}" is there twice, first on line ${line}`
        this.#findings.atOffset(keyStart, { code: 'CONFIG_YAML', message }, at)
        continue
      }
      const isMissing = pair.value === null || (isScalar(pair.value) && isUnwritten(pair.value))
      const isTagged = isScalar(pair.value) && pair.value.tag !== undefined
      if (isFlow && isMissing && !isTagged) this.#refuseMissing(pair, entries, at)
      const value = isMissing ? emptyScalar(keyStart) : this.build(pair.value, { path: at, isFlow })
      entries.set(name, {
        keyStart,
        value: isTagged && value.kind === 'scalar' ? { ...value, problem: 'reported' } : value,
      })
    }
    const sizes = [...entries.values()].map(({ value }) => value)
    return { kind: 'map', entries, ...extentOf(map), size: sizeOf(sizes) }
  }

  /** null where there is no name that a setting could have. */
  #nameOf({ key }: ParsedPair, path: ConfigPath): string | null {
    const start = key?.range[0] ?? 0
    const refuse = (message: string, hint?: string): null => {
      this.#findings.atOffset(start, { code: 'CONFIG_YAML', message, hint }, path)
      return null
    }
    if (!isScalar(key) || key.value === null) {
      return refuse('the name of a setting has to be a text', quoteHint(this.#text, start))
    }
    const name = typeof key.value === 'string' ? key.value : (key.source ?? '')
    if (name === '<<' && key.type === 'PLAIN') {
      return refuse(
        'merge keys ("<<") are not allowed',
        'name the whole block with "&NAME" and use it with "*NAME", or write the settings out',
      )
    }
    if (refusedNames.has(name)) return refuse(`the name "${name}" is not allowed`)
    return name
  }

  /** Inside `{ }` a comma in an expression quietly makes settings of its parts. */
  #refuseMissing(pair: ParsedPair, before: ReadonlyMap<string, MapEntry>, path: ConfigPath): void {
    const last = [...before.values()].at(-1)?.value
    // The text before was cut off at this comma, and that was reported with the whole text.
    if (last?.kind === 'scalar' && last.problem === 'reported') return
    const [start, end] = pair.key.range
    const name = this.#text.slice(start, end)
    this.#findings.atOffset(
      start,
      {
        code: 'CONFIG_YAML',
        message: `"${name}" has no value; inside { } each comma begins another setting`,
        hint: 'write one setting per line, and quote a text that holds a comma: NAME: "TEXT"',
      },
      path,
    )
  }
}

function extentOf(node: Node): { start: number; end: number } {
  const [start = 0, end = start] = node.range ?? []
  return { start, end }
}

function sizeOf(children: readonly ConfigNode[]): number {
  return children.reduce((sum, child) => sum + child.size, 1)
}
