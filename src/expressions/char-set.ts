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
export const wordCharacters: CharSet = setOf([
  [48, 57],
  [65, 90],
  [95, 95],
  [97, 122],
])
/** What `\s` matches in JavaScript. */
export const whiteSpace: CharSet = setOf([
  [9, 13],
  [32, 32],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
])
export const lineEnds: CharSet = setOf([
  [10, 10],
  [13, 13],
  [0x2028, 0x2029],
])
export const allCharacters: CharSet = [[0, maxCodePoint]]

/**
 * The set with all characters that JavaScript takes for the same when case is ignored (without the flag
 * `u`, where no character beyond ASCII is the same as one of ASCII).
 */
export function ignoringCase(set: CharSet): CharSet {
  const more = caseFamilies().filter((family) =>
    family.some((code) => overlap(set, [[code, code]])),
  )
  return unionOf([set, more.flat().map((code) => [code, code] as const)])
}

let families: readonly (readonly number[])[] | null = null

/** Characters that differ in case only; found on first use, which takes some milliseconds. */
function caseFamilies(): readonly (readonly number[])[] {
  families ??= findCaseFamilies()
  return families
}

function findCaseFamilies(): readonly (readonly number[])[] {
  const byCapital = new Map<number, number[]>()
  for (let code = 0; code <= 0xffff; code++) {
    const text = String.fromCharCode(code)
    const capital = text.toUpperCase()
    if (capital === text || capital.length !== 1) continue
    const capitalCode = capital.charCodeAt(0)
    if (code >= 128 && capitalCode < 128) continue
    const family = byCapital.get(capitalCode)
    if (family === undefined) byCapital.set(capitalCode, [capitalCode, code])
    else family.push(code)
  }
  return [...byCapital.values()]
}
