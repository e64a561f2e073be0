import {
  allCharacters,
  type CharSet,
  complementOf,
  digits,
  ignoringCase,
  lineEnds,
  setOf,
  unionOf,
  whiteSpace,
  wordCharacters,
} from './char-set.ts'
import { ExpressionError } from './expression-error.ts'
import { maxSourceDepth } from './limits.ts'

export type PatternNode =
  | { readonly kind: 'set'; readonly set: CharSet }
  | { readonly kind: 'assertion'; readonly code: '^' | '$' | '\\b' | '\\B' }
  | {
      readonly kind: 'group'
      readonly captures: boolean
      readonly alternatives: readonly PatternSequence[]
    }
  | {
      readonly kind: 'repeat'
      readonly node: PatternNode
      readonly least: number
      readonly most: number
      readonly lazy: boolean
    }

export type PatternSequence = readonly PatternNode[]

export interface ParsedPattern {
  readonly alternatives: readonly PatternSequence[]
  readonly groupNames: ReadonlyMap<string, number>
  readonly groupCount: number
}

/**
 * Parses what JavaScript has accepted as a regular expression, as far as it can be matched in linear
 * time: without look-around and back-references. Sets hold all that they match under the flags i and s.
 * @throws ExpressionError with the place in the source.
 */
export function parsePattern(source: string, flags: string): ParsedPattern {
  const parser = new PatternParser(source, flags)
  const alternatives = parser.parseAlternatives(0)
  return { alternatives, groupNames: parser.groupNames, groupCount: parser.groupCount }
}

const controlEscapes: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13 }
const classEscapes: Readonly<Record<string, CharSet>> = {
  d: digits,
  D: complementOf(digits),
  w: wordCharacters,
  W: complementOf(wordCharacters),
  s: whiteSpace,
  S: complementOf(whiteSpace),
}

class PatternParser {
  readonly groupNames = new Map<string, number>()
  groupCount = 0
  readonly #source: string
  readonly #dot: CharSet
  readonly #ignoreCase: boolean
  #at = 0

  constructor(source: string, flags: string) {
    this.#source = source
    this.#dot = flags.includes('s') ? allCharacters : complementOf(lineEnds)
    this.#ignoreCase = flags.includes('i')
  }

  parseAlternatives(depth: number): PatternSequence[] {
    if (depth > maxSourceDepth)
      this.#refuse(`a regular expression nests at most ${maxSourceDepth} groups`)
    const alternatives: PatternNode[][] = [[]]
    while (this.#at < this.#source.length && this.#source[this.#at] !== ')') {
      if (this.#take('|')) alternatives.push([])
      else alternatives.at(-1)!.push(this.#repeated(this.#term(depth)))
    }
    return alternatives
  }

  #term(depth: number): PatternNode {
    if (this.#take('^')) return { kind: 'assertion', code: '^' }
    if (this.#take('$')) return { kind: 'assertion', code: '$' }
    if (this.#take('.')) return { kind: 'set', set: this.#dot }
    if (this.#take('(')) return this.#group(depth)
    if (this.#take('[')) return { kind: 'set', set: this.#class() }
    if (this.#take('\\b')) return { kind: 'assertion', code: '\\b' }
    if (this.#take('\\B')) return { kind: 'assertion', code: '\\B' }
    return { kind: 'set', set: this.#folded(this.#atom({ inClass: false })) }
  }

  #group(depth: number): PatternNode {
    const captures = !this.#take('?:')
    if (captures) this.#groupHead()
    const alternatives = this.parseAlternatives(depth + 1)
    this.#take(')')
    return { kind: 'group', captures, alternatives }
  }

  #groupHead(): void {
    this.groupCount += 1
    if (this.#source[this.#at] !== '?') return
    const [head = '', name] = /^\?<([^=!>][^>]*)>/.exec(this.#source.slice(this.#at)) ?? []
    if (name === undefined) {
      this.#refuse(
        'look-ahead, look-behind and inline flags are not available: they cannot be matched in linear time',
      )
    }
    if (this.groupNames.has(name)) this.#refuse(`two groups have the name ${name}`)
    this.groupNames.set(name, this.groupCount)
    this.#at += head.length
  }

  #repeated(node: PatternNode): PatternNode {
    const bounds = this.#bounds()
    if (bounds === null) return node
    return { kind: 'repeat', node, ...bounds, lazy: this.#take('?') }
  }

  #bounds(): { least: number; most: number } | null {
    if (this.#take('*')) return { least: 0, most: Infinity }
    if (this.#take('+')) return { least: 1, most: Infinity }
    if (this.#take('?')) return { least: 0, most: 1 }
    const [text, least, comma, most] =
      /^\{(\d+)(,?)(\d*)\}/.exec(this.#source.slice(this.#at, this.#at + 32)) ?? []
    if (text === undefined) return null
    this.#at += text.length
    return {
      least: Number(least),
      most: comma === '' ? Number(least) : most === '' ? Infinity : Number(most),
    }
  }

  #class(): CharSet {
    const negated = this.#take('^')
    const parts: CharSet[] = []
    while (!this.#take(']')) {
      const first = this.#atom({ inClass: true })
      const isRange = this.#source[this.#at] === '-' && this.#source[this.#at + 1] !== ']'
      if (!isRange) {
        parts.push(first)
        continue
      }
      this.#at += 1
      const last = this.#atom({ inClass: true })
      const from = single(first)
      const to = single(last)
      // As in JavaScript, `-` beside a class such as \d is itself.
      parts.push(from === null || to === null ? unionOf([first, last, [[45, 45]]]) : [[from, to]])
    }
    const all = this.#folded(unionOf(parts))
    return negated ? complementOf(all) : all
  }

  #folded(set: CharSet): CharSet {
    return this.#ignoreCase ? ignoringCase(set) : set
  }

  #atom({ inClass }: { inClass: boolean }): CharSet {
    if (!this.#take('\\')) return this.#character()
    const letter = this.#source[this.#at] ?? ''
    if (Object.hasOwn(classEscapes, letter)) return this.#skip(1, classEscapes[letter]!)
    if (Object.hasOwn(controlEscapes, letter)) return this.#skip(1, one(controlEscapes[letter]!))
    if (inClass && letter === 'b') return this.#skip(1, one(8))
    const rest = this.#source.slice(this.#at, this.#at + 12)
    const [text, braced, four, two] =
      /^(?:u\{([\da-fA-F]{1,6})\}|u([\da-fA-F]{4})|x([\da-fA-F]{2}))/.exec(rest) ?? []
    if (text !== undefined)
      return this.#skip(text.length, one(Number.parseInt(braced ?? four ?? two ?? '', 16)))
    if (/^0(?!\d)/.test(rest)) return this.#skip(1, one(0))
    if (/^c[A-Za-z]/.test(rest)) return this.#skip(2, one(rest.charCodeAt(1) % 32))
    if (/^(?:[1-9]|k<)/.test(rest))
      return this.#refuse(
        'back-references are not available: they cannot be matched in linear time',
      )
    if (/^[A-Za-z0-9]/.test(rest)) return this.#refuse(`unknown escape \\${letter}`)
    return this.#character()
  }

  #character(): CharSet {
    const code = this.#source.codePointAt(this.#at)!
    return this.#skip(code > 0xffff ? 2 : 1, one(code))
  }

  #skip(length: number, set: CharSet): CharSet {
    this.#at += length
    return set
  }

  #take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false
    this.#at += text.length
    return true
  }

  #refuse(message: string): never {
    throw new ExpressionError(message, this.#at)
  }
}

function one(code: number): CharSet {
  return setOf([[code, code]])
}

function single(set: CharSet): number | null {
  const [range] = set
  return set.length === 1 && range !== undefined && range[0] === range[1] ? range[0] : null
}
