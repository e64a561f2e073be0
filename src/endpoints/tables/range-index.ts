export interface Range<Bound extends number | bigint, Row> {
  readonly from: Bound
  /** Inclusive. */
  readonly to: Bound
  readonly row: Row
}

/** Which range a value lies in, by binary search. Of ranges that overlap, the one that begins last counts. */
export class RangeIndex<Bound extends number | bigint, Row> {
  /** Where another row begins to count: at the bound, or right behind it. */
  readonly #bounds: Bound[] = []
  readonly #isBehind: boolean[] = []
  readonly #rows: (Row | undefined)[] = []

  /** @throws whatever `twice` throws, for two ranges with equal bounds. */
  constructor(ranges: readonly Range<Bound, Row>[], twice: (first: Row, second: Row) => never) {
    const sorted = ranges.toSorted((left, right) => {
      if (left.from !== right.from) return left.from < right.from ? -1 : 1
      if (left.to === right.to) return 0
      return left.to > right.to ? -1 : 1
    })
    /** Those that have begun and not ended, or ended under one that has not. */
    const open: Range<Bound, Row>[] = []
    const closeBefore = (bound: Bound | null) => {
      for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
        if (bound !== null && top.to >= bound) return
        open.pop()
        while (open.length > 0 && open.at(-1)!.to <= top.to) open.pop()
        this.#begin(top.to, true, open.at(-1)?.row)
      }
    }
    for (const [index, range] of sorted.entries()) {
      const before = sorted[index - 1]
      if (before !== undefined && before.from === range.from && before.to === range.to)
        twice(before.row, range.row)
      closeBefore(range.from)
      open.push(range)
      this.#begin(range.from, false, range.row)
    }
    closeBefore(null)
  }

  find(value: Bound): Row | undefined {
    let low = 0
    let high = this.#bounds.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const bound = this.#bounds[middle]!
      if (bound < value || (bound === value && !this.#isBehind[middle]!)) low = middle + 1
      else high = middle
    }
    return low === 0 ? undefined : this.#rows[low - 1]
  }

  #begin(bound: Bound, isBehind: boolean, row: Row | undefined): void {
    this.#bounds.push(bound)
    this.#isBehind.push(isBehind)
    this.#rows.push(row)
  }
}
