import type { Pattern, PatternMatch } from '../core/expression.ts'
import { maxStringLength } from './limits.ts'
import { replaceMatches } from './pattern-search.ts'
import type { ParsedPattern } from './pattern-syntax.ts'

/** JavaScript's own engine, for patterns that are provably linear there. */
export function nativePattern(regex: RegExp, { groupNames }: ParsedPattern): Pattern {
  return new NativePattern(regex, groupNames)
}

class NativePattern implements Pattern {
  readonly groupNames: ReadonlyMap<string, number>
  readonly rescans = false
  readonly #once: RegExp
  readonly #from: RegExp

  constructor(regex: RegExp, groupNames: ReadonlyMap<string, number>) {
    this.groupNames = groupNames
    this.#once = regex
    this.#from = new RegExp(regex, `${regex.flags}g`)
  }

  test(text: string): boolean {
    return this.#once.test(text)
  }

  exec(text: string, from = 0): PatternMatch | null {
    this.#from.lastIndex = from
    const found = from === 0 ? this.#once.exec(text) : this.#from.exec(text)
    if (found === null) return null
    const groups: (string | null)[] = []
    for (let at = 0; at < found.length; at++) groups.push(found[at] ?? null)
    return { index: found.index, end: found.index + found[0].length, groups }
  }

  replace(text: string, replacement: string, all: boolean): string {
    const longest = (text.length + 1) * (replacement.length + 1)
    if (longest <= maxStringLength && !replacement.includes('$')) {
      this.#from.lastIndex = 0
      return text.replace(all ? this.#from : this.#once, replacement)
    }
    return replaceMatches(this, text, { replacement, all })
  }
}
