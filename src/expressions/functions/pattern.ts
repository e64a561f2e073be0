import type { Pattern, PatternMatch } from '../../core/expression.ts'
import { putField } from '../../core/copy-json.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import { PatternArgument } from '../checked.ts'
import { defineFunction, type FunctionDefinition } from '../function-definition.ts'
import { spend } from '../fuel.ts'
import { maxListLength, maxStringLength, searchedCharsPerFuel } from '../limits.ts'
import { forEachMatch } from '../pattern-search.ts'
import { madeList, madeText, textIn, tooLong, tooMany } from '../values.ts'
import { splitText } from './text.ts'

export const patternFunctions: readonly FunctionDefinition[] = [
  defineFunction('matches(text, /pattern/)', {
    summary: 'Whether the regular expression matches anywhere in the text.',
    examples: [
      ["matches('AB-12', /^[A-Z]+-\\d+$/)", true],
      ["matches('ab', /B/i)", true],
    ],
    call: (value: JsonValue, { pattern }: PatternArgument) => {
      const text = searchedText(value, pattern, 'matches')
      return text === null ? null : pattern.test(text)
    },
  }),
  defineFunction('match(text, /pattern/)', {
    summary:
      'The groups of the first match: an object by name where the groups have names, else a list with the whole match first. Null without a match.',
    examples: [
      ["match('AB-12', /(?<series>[A-Z]+)-(?<number>\\d+)/)", { series: 'AB', number: '12' }],
      ["match('AB-12', /([A-Z]+)-(\\d+)/)[2]", '12'],
      ["match('?', /\\d/)", null],
    ],
    returnsParts: true,
    call: (value: JsonValue, { pattern }: PatternArgument) => {
      const text = searchedText(value, pattern, 'match')
      const found = text === null ? null : pattern.exec(text)
      return found === null ? null : groupsOf(pattern, found)
    },
  }),
  defineFunction('replace(text, find|/pattern/, to)', {
    summary:
      'The text with the first occurrence replaced; all of them with the flag g. For a regular expression `$1`, `$<name>`, `$&` and `$$` stand for groups, the match and a dollar sign.',
    examples: [
      ["replace('a.b.c', '.', '-')", 'a-b.c'],
      ["replace('a1b22', /\\d+/g, '<$&>')", 'a<1>b<22>'],
    ],
    call: (value: JsonValue, find: JsonValue | PatternArgument, to: JsonValue) =>
      replaceIn(value, find, { to, all: false }),
  }),
  defineFunction('replace_all(text, find|/pattern/, to)', {
    summary: 'As `replace`, but for every occurrence.',
    examples: [["replace_all('1,234,567', ',', '')", '1234567']],
    call: (value: JsonValue, find: JsonValue | PatternArgument, to: JsonValue) =>
      replaceIn(value, find, { to, all: true }),
  }),
  defineFunction('split(text, separator|/pattern/)', {
    summary: 'The pieces of the text between the separators.',
    examples: [
      ["split('/search?q=1', '?')[0]", '/search'],
      ["split('a, b;c', /[,;]\\s*/)", ['a', 'b', 'c']],
    ],
    returnsParts: true,
    call: (value: JsonValue, separator: JsonValue | PatternArgument) => {
      if (separator instanceof PatternArgument) return splitByPattern(value, separator.pattern)
      const text = textIn(value, 'split')
      const between = textIn(separator, 'split')
      return text === null || between === null ? null : splitText(text, between)
    },
  }),
]

function searchedText(value: JsonValue, pattern: Pattern, where: string): string | null {
  const text = textIn(value, where)
  if (text !== null && pattern.rescans) spend(text.length / searchedCharsPerFuel)
  return text
}

function groupsOf(pattern: Pattern, found: PatternMatch): JsonValue {
  if (pattern.groupNames.size === 0) return [...found.groups]
  const groups: JsonObject = {}
  for (const [name, index] of pattern.groupNames)
    putField(groups, name, found.groups[index] ?? null)
  return groups
}

function replaceIn(
  value: JsonValue,
  find: JsonValue | PatternArgument,
  options: { to: JsonValue; all: boolean },
): JsonValue {
  const to = textIn(options.to, 'replace')
  if (find instanceof PatternArgument) {
    const text = searchedText(value, find.pattern, 'replace')
    if (text === null || to === null) return null
    return madeText(find.pattern.replace(text, to, options.all || find.all), 'replace')
  }
  const text = textIn(value, 'replace')
  const wanted = textIn(find, 'replace')
  if (text === null || to === null || wanted === null) return null
  // A function, because `$` in a text to put in has no meaning here.
  if (!options.all)
    return madeText(
      text.replace(wanted, () => to),
      'replace',
    )
  const pieces = text.split(wanted, maxStringLength + 1)
  const length = text.length + (pieces.length - 1) * (to.length - wanted.length)
  return length > maxStringLength
    ? tooLong('replace_all')
    : madeText(
        text.replaceAll(wanted, () => to),
        'replace_all',
      )
}

/** As in JavaScript, but groups of the separator are left out. */
function splitByPattern(value: JsonValue, pattern: Pattern): JsonValue {
  const text = searchedText(value, pattern, 'split')
  if (text === null) return null
  const pieces: string[] = []
  let start = 0
  forEachMatch(pattern, text, ({ index, end }) => {
    // An empty match at the edge of a piece separates nothing.
    if (index === end && (index === start || index >= text.length)) return
    pieces.push(text.slice(start, index))
    if (pieces.length >= maxListLength) tooMany('split')
    start = end
  })
  pieces.push(text.slice(start))
  return madeList(pieces, 'split')
}
