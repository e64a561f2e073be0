import { childOf, nodeAt, type ConfigNode, type ScalarNode } from './config-node.ts'
import type { ConfigPath } from './pipeline-spec.ts'

/** Counted from 1. */
export interface SourcePosition {
  readonly line: number
  readonly column: number
}

/** Turns offsets in a text into lines and columns. */
export class LineIndex {
  readonly #starts: number[] = [0]

  constructor(text: string) {
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) {
      this.#starts.push(at + 1)
    }
  }

  positionOf(offset: number): SourcePosition {
    let low = 0
    let high = this.#starts.length - 1
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if (this.#starts[middle]! <= offset) low = middle
      else high = middle - 1
    }
    return { line: low + 1, column: offset - this.#starts[low]! + 1 }
  }
}

/** Finds the place of a setting in the text of its file. */
export class SourceMap {
  readonly #text: string
  readonly #lines: LineIndex
  readonly #root: ConfigNode

  constructor(text: string, lines: LineIndex, root: ConfigNode) {
    this.#text = text
    this.#lines = lines
    this.#root = root
  }

  /** Where the value at `path` begins; where there is none, its nearest existing ancestor. */
  locate(path: ConfigPath): SourcePosition {
    return this.#lines.positionOf(this.#offsetOf(path))
  }

  /** Where the name of the entry at `path` begins; for an item of a list, the item. */
  locateKey(path: ConfigPath): SourcePosition {
    const parent = nodeAt(this.#root, path.slice(0, -1))
    const entry = parent?.kind === 'map' ? parent.entries.get(String(path.at(-1))) : undefined
    return entry === undefined ? this.locate(path) : this.#lines.positionOf(entry.keyStart)
  }

  /**
   * The place of a character of the text at `path`, such as the offset that an expression error
   * names: behind quotes, escapes, folded lines and variables that were filled in.
   */
  locateIn(path: ConfigPath, offset: number): SourcePosition {
    const node = nodeAt(this.#root, path)
    if (node?.kind !== 'scalar' || typeof node.value !== 'string') return this.locate(path)
    const raw = this.#text.slice(node.start, node.end)
    return this.#lines.positionOf(node.start + rawOffset(raw, node, offset))
  }

  #offsetOf(path: ConfigPath): number {
    let node = this.#root
    let start = node.start
    for (const part of path) {
      const next = childOf(node, part)
      if (next === undefined) break
      const isNothing = next.kind === 'scalar' && next.isEmpty
      // An alias can lie anywhere; its content is what has to be changed.
      start =
        isNothing && node.kind === 'map' ? node.entries.get(String(part))!.keyStart : next.start
      node = next
    }
    return start
  }
}

/** Where in the raw text of a scalar the character `offset` of its value stands. */
function rawOffset(raw: string, node: ScalarNode, offset: number): number {
  const unfilled = beforeFilling(node, offset)
  let at = contentStart(raw)
  for (let seen = 0; seen < unfilled && at < raw.length; seen++) at += rawLength(raw, at)
  return Math.min(at, Math.max(0, raw.length - 1))
}

/** The offset in the scalar's text before variables were filled in. */
function beforeFilling(node: ScalarNode, offset: number): number {
  let shift = 0
  for (const { at, length, filled } of node.substitutions) {
    const filledAt = at - shift
    if (offset < filledAt) break
    if (offset < filledAt + filled) return at
    shift += filled - length
  }
  return offset - shift
}

/** Behind the quote, or behind the header line of a block scalar and its first indentation. */
function contentStart(raw: string): number {
  if (raw.startsWith('"') || raw.startsWith("'")) return 1
  if (!/^[|>]/.test(raw)) return 0
  return /^[^\n]*\n\s*/.exec(raw)?.[0].length ?? 0
}

const longEscapes: Readonly<Record<string, number>> = { x: 4, u: 6, U: 10 }

/** Characters of the raw text that make the one character of the value which begins at `at`. */
function rawLength(raw: string, at: number): number {
  const char = raw[at]!
  if (raw.startsWith("'") && char === "'") return 2
  if (raw.startsWith('"') && char === '\\') return longEscapes[raw[at + 1] ?? ''] ?? 2
  if (char !== '\n' && !/^[ \t\r]*\n/.test(raw.slice(at, at + 80))) return 1
  return /^\s+/.exec(raw.slice(at))?.[0].length ?? 1
}
