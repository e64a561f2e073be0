import type { Pattern, PatternMatch } from '../core/expression.ts'
import { maxSearchSteps, maxStringLength } from './limits.ts'
import { fail, tooLong } from './values.ts'

/** Visits all matches from left to right; after an empty one the search goes on one character further. */
export function forEachMatch(
  pattern: Pattern,
  text: string,
  visit: (match: PatternMatch) => void,
): void {
  let steps = 0
  let from = 0
  while (from <= text.length) {
    const match = pattern.exec(text, from)
    if (match === null) return
    visit(match)
    from = match.end === match.index ? match.end + 1 : match.end
    if (pattern.rescans) {
      steps += text.length - from
      if (steps > maxSearchSteps)
        fail('the text is too long for a regular expression with so many matches')
    }
  }
}

/** See `Pattern.replace`. */
export function replaceMatches(
  pattern: Pattern,
  text: string,
  options: { replacement: string; all: boolean },
): string {
  const { replacement, all } = options
  const isPlain = !replacement.includes('$')
  const pieces: string[] = []
  let length = 0
  let kept = 0
  const visit = (match: PatternMatch): void => {
    const put = isPlain ? replacement : expand(replacement, match, pattern)
    length += match.index - kept + put.length
    if (length > maxStringLength) tooLong('replace')
    pieces.push(text.slice(kept, match.index), put)
    kept = match.end
  }
  if (all) forEachMatch(pattern, text, visit)
  else {
    const match = pattern.exec(text)
    if (match !== null) visit(match)
  }
  pieces.push(text.slice(kept))
  return pieces.join('')
}

const placeholders = /\$(?:([$&])|(\d{1,2})|<([^>]{1,256})>)/g

function expand(replacement: string, match: PatternMatch, pattern: Pattern): string {
  return replacement.replaceAll(placeholders, (whole: string, ...found: (string | undefined)[]) => {
    const [sign, digits, name] = found
    if (sign !== undefined) return sign === '$' ? '$' : (match.groups[0] ?? '')
    if (name !== undefined) {
      const index = pattern.groupNames.get(name)
      return index === undefined
        ? pattern.groupNames.size === 0
          ? whole
          : ''
        : (match.groups[index] ?? '')
    }
    return groupByDigits(digits!, match) ?? whole
  })
}

/** Two digits are one group where there are so many, otherwise a group and a digit. */
function groupByDigits(digits: string, { groups }: PatternMatch): string | null {
  const number = Number(digits)
  if (number >= 1 && number < groups.length) return groups[number] ?? ''
  const [first = '', second = ''] = digits
  const group = Number(first)
  return second !== '' && group >= 1 && group < groups.length
    ? (groups[group] ?? '') + second
    : null
}
