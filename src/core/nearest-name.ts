/** The name closest to `word`, when it is close enough to be what was meant. */
export function nearestName(word: string, names: Iterable<string>): string | null {
  const wanted = word.toLowerCase()
  let best: string | null = null
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1
  for (const name of names) {
    const distance = editDistance(wanted, name.toLowerCase())
    if (distance < bestDistance) {
      best = name
      bestDistance = distance
    }
  }
  return best
}

/** `, did you mean "filter"?` or nothing. */
export function didYouMean(word: string, names: Iterable<string>): string {
  const nearest = nearestName(word, names)
  return nearest === null ? '' : `; did you mean "${nearest}"?`
}

/** Longer words are never near: the cost of a comparison is bounded. */
const maxLength = 64

/** Damerau-Levenshtein (optimal string alignment): insertions, deletions, changes, swapped neighbours. */
export function editDistance(left: string, right: string): number {
  if (left.length > maxLength || right.length > maxLength) return maxLength
  let beforeLast: number[] = []
  let last = Array.from({ length: right.length + 1 }, (_, column) => column)
  for (let row = 1; row <= left.length; row++) {
    const current = [row]
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1] ? 0 : 1
      let cost = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + same)
      if (left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]) {
        cost = Math.min(cost, (beforeLast[column - 2] ?? maxLength) + 1)
      }
      current.push(cost)
    }
    beforeLast = last
    last = current
  }
  return last[right.length]!
}
