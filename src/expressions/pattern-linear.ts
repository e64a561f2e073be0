import { RE2JS } from 're2js'
import type { Pattern, PatternMatch } from '../core/expression.ts'
import type { CharSet } from './char-set.ts'
import { ExpressionError } from './expression-error.ts'
import { replaceMatches } from './pattern-search.ts'
import type { ParsedPattern, PatternNode, PatternSequence } from './pattern-syntax.ts'

/**
 * RE2's engine, linear for every pattern. The pattern is written anew in RE2's syntax from its parsed
 * form, so that it means what it means in JavaScript.
 * @throws ExpressionError when the pattern is too large for RE2.
 */
export function linearPattern(parsed: ParsedPattern, flags: string): Pattern {
  const re2Flags = flags.includes('m') ? RE2JS.MULTILINE : 0
  try {
    return new LinearPattern(
      RE2JS.compile(writeAlternatives(parsed.alternatives), re2Flags),
      parsed,
    )
  } catch (thrown) {
    const message =
      thrown instanceof Error ? thrown.message.replace(/^error parsing regexp: /, '') : ''
    throw new ExpressionError(`this regular expression is not available: ${message}`, 0)
  }
}

class LinearPattern implements Pattern {
  readonly groupNames: ReadonlyMap<string, number>
  readonly rescans = true
  readonly #engine: RE2JS
  readonly #groupCount: number

  constructor(engine: RE2JS, { groupNames, groupCount }: ParsedPattern) {
    this.#engine = engine
    this.groupNames = groupNames
    this.#groupCount = groupCount
  }

  test(text: string): boolean {
    return this.#engine.test(text)
  }

  exec(text: string, from = 0): PatternMatch | null {
    const matcher = this.#engine.matcher(text)
    if (from > text.length || !matcher.find(from)) return null
    const groups: (string | null)[] = []
    for (let at = 0; at <= this.#groupCount; at++) groups.push(matcher.group(at))
    return { index: matcher.start(), end: matcher.end(), groups }
  }

  replace(text: string, replacement: string, all: boolean): string {
    return replaceMatches(this, text, { replacement, all })
  }
}

function writeAlternatives(alternatives: readonly PatternSequence[]): string {
  return alternatives.map((sequence) => sequence.map(writeNode).join('')).join('|')
}

function writeNode(node: PatternNode): string {
  switch (node.kind) {
    case 'set':
      return writeSet(node.set)
    case 'assertion':
      return node.code
    case 'group':
      return `(${node.captures ? '' : '?:'}${writeAlternatives(node.alternatives)})`
    case 'repeat':
      return `${writeNode(node.node)}${writeBounds(node)}${node.lazy ? '?' : ''}`
  }
}

function writeBounds({ least, most }: PatternNode & { readonly kind: 'repeat' }): string {
  if (most === Infinity) return least === 0 ? '*' : least === 1 ? '+' : `{${least},}`
  if (least === 0 && most === 1) return '?'
  return least === most ? `{${least}}` : `{${least},${most}}`
}

/** RE2 has no empty class; this one excludes everything. */
const nothing = '[^\\x{0}-\\x{10ffff}]'

function writeSet(set: CharSet): string {
  const ranges = set.map(([first, last]) =>
    first === last ? writeCode(first) : `${writeCode(first)}-${writeCode(last)}`,
  )
  return ranges.length === 0 ? nothing : `[${ranges.join('')}]`
}

function writeCode(code: number): string {
  return `\\x{${code.toString(16)}}`
}
