import { type CharSet, overlap, unionOf } from './char-set.ts'
import type { ParsedPattern, PatternNode, PatternSequence } from './pattern-syntax.ts'

/** Ways to match one start of the text that a backtracking engine may have to try. */
const maxWays = 128
/** Characters that those tries may look at together, for each place where a match could begin. */
const maxStepsPerStart = 512

/**
 * Whether a backtracking engine matches the pattern in time linear in the text. It answers yes only for
 * patterns of this shape, which are most of those that people write:
 *
 * - nothing is repeated but single characters and classes;
 * - what an unbounded repetition matches cannot be matched by what may follow it, so that giving
 *   back a character fails at once; or nothing follows, so that it never has to give one back;
 * - what is optional, alternative or repeated a bounded number of times leaves few ways in all;
 * - a pattern with an unbounded repetition before its end begins with `^`, so that there is one place
 *   only where a match can begin.
 */
export function isProvablyLinear(pattern: ParsedPattern, options: { multiline: boolean }): boolean {
  const proof = new LinearProof()
  return pattern.alternatives.every((sequence) => proof.accepts(sequence, options.multiline))
}

/** What can come after a place in the pattern. */
interface Follow {
  readonly first: CharSet
  /** Whether the pattern may end here without a further condition. */
  readonly free: boolean
}

class LinearProof {
  #ways = 1
  #steps = 0
  #unboundedInside = false
  #failed = false

  accepts(sequence: PatternSequence, multiline: boolean): boolean {
    this.#ways = 1
    this.#steps = 0
    this.#unboundedInside = false
    this.#failed = false
    const [head] = sequence
    const isAnchored = !multiline && head?.kind === 'assertion' && head.code === '^'
    this.#sequence(sequence, { first: [], free: true })
    if (this.#failed || this.#ways > maxWays || this.#steps > maxStepsPerStart) return false
    return isAnchored || (!this.#unboundedInside && this.#steps * this.#ways <= maxStepsPerStart)
  }

  /** Goes from the end to the start; returns what the sequence and all after it can begin with. */
  #sequence(sequence: PatternSequence, after: Follow): Follow {
    return sequence.toReversed().reduce((follow, node) => this.#node(node, follow), after)
  }

  #node(node: PatternNode, after: Follow): Follow {
    switch (node.kind) {
      case 'set':
        this.#steps += 1
        return { first: node.set, free: false }
      case 'assertion':
        // What follows an assertion still limits what can come, but the pattern can fail here.
        return { first: after.first, free: false }
      case 'group':
        return this.#alternatives(node.alternatives, after)
      case 'repeat':
        return this.#repeat(node, after)
    }
  }

  #alternatives(alternatives: readonly PatternSequence[], after: Follow): Follow {
    this.#ways *= alternatives.length
    const begins = alternatives.map((sequence) => this.#sequence(sequence, after))
    return {
      first: unionOf(begins.map(({ first }) => first)),
      free: begins.some(({ free }) => free),
    }
  }

  #repeat(node: PatternNode & { readonly kind: 'repeat' }, after: Follow): Follow {
    if (node.node.kind === 'assertion') return this.#fail(after)
    if (node.node.kind === 'group') {
      if (node.most !== 1 || node.least !== 0) return this.#fail(after)
      this.#ways *= 2
      const begin = this.#alternatives(node.node.alternatives, after)
      return { first: unionOf([begin.first, after.first]), free: begin.free || after.free }
    }
    const set = node.node.kind === 'set' ? node.node.set : []
    const isEnd = after.free && after.first.length === 0
    const isDecided = !overlap(set, after.first)
    if (node.most === Infinity) {
      if (!isEnd && !isDecided) return this.#fail(after)
      if (!isEnd) this.#unboundedInside = true
      this.#steps += node.least
    } else {
      this.#steps += node.most
      if (!isEnd && !isDecided) this.#ways *= node.most - node.least + 1
    }
    return node.least === 0
      ? { first: unionOf([set, after.first]), free: after.free }
      : { first: set, free: false }
  }

  #fail(after: Follow): Follow {
    this.#failed = true
    return after
  }
}
