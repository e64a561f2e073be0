/** A set of characters: sorted ranges of code points that neither touch nor overlap. */
export type CharSet = readonly (readonly [first: number, last: number])[]

const maxCodePoint = 0x10ffff

export function setOf(ranges: readonly (readonly [number, number])[]): CharSet {
  const sorted = ranges.toSorted(([left], [right]) => left - right)
  const merged: [number, number][] = []
  for (const [first, last] of sorted) {
    const before = merged.at(-1)
    if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last)
    else merged.push([first, last])
  }
  return merged
}

export function unionOf(sets: readonly CharSet[]): CharSet {
  return setOf(sets.flat())
}

export function complementOf(set: CharSet): CharSet {
  const gaps: [number, number][] = []
  let next = 0
  for (const [first, last] of set) {
    if (first > next) gaps.push([next, first - 1])
    next = last + 1
  }
  if (next <= maxCodePoint) gaps.push([next, maxCodePoint])
  return gaps
}

export function overlap(left: CharSet, right: CharSet): boolean {
  return left.some(([first, last]) => right.some(([from, to]) => first <= to && from <= last))
}

export const digits: CharSet = setOf([[48, 57]])
export const wordCharacters: CharSet = setOf([[48, 57], [65, 90], [95, 95], [97, 122]])
/** What `\s` matches in JavaScript. */
export const whiteSpace: CharSet = setOf([
  [9, 13], [32, 32], [0xa0, 0xa0], [0x1680, 0x1680], [0x2000, 0x200a], [0x2028, 0x2029],
  [0x202f, 0x202f], [0x205f, 0x205f], [0x3000, 0x3000], [0xfeff, 0xfeff],
])
export const lineEnds: CharSet = setOf([[10, 10], [13, 13], [0x2028, 0x2029]])
export const allCharacters: CharSet = [[0, maxCodePoint]]

const nonAsciiText: CharSet = complementOf(unionOf([[[0, 127]], whiteSpace]))

/**
 * A set that holds at least what `set` matches when case is ignored: ASCII letters in both cases, and
 * all letters beyond ASCII where it has any (without the flag `u`, JavaScript folds none into ASCII).
 */
export function ignoringCase(set: CharSet): CharSet {
  const more: [number, number][] = []
  for (let code = 65; code <= 90; code++) {
    if (overlap(set, [[code, code], [code + 32, code + 32]])) more.push([code, code], [code + 32, code + 32])
  }
  return unionOf([set, more, overlap(set, nonAsciiText) ? nonAsciiText : []])
}
