/** One input of a transaction whose end was not answered. */
export interface OffsetEvidence {
  /** The position before the transaction; null where the group had none. */
  readonly previous: bigint | null
  /** The position that the transaction was to commit. */
  readonly next: bigint
  /** The position that is committed now. */
  readonly found: bigint | null
}

/**
 * What became of a transaction, read from the positions after its producer was fenced off (so that
 * nothing of it can happen any more): they moved with it, or not at all. Anything else was
 * written by somebody else. `unknown` when no position was to move.
 */
export function transactionOutcome(
  evidence: readonly OffsetEvidence[],
): 'committed' | 'not_kept' | 'foreign' | 'unknown' {
  if (evidence.every(({ found, next }) => found === next)) {
    return evidence.every(({ previous, next }) => previous === next) ? 'unknown' : 'committed'
  }
  return evidence.every(({ found, previous }) => found === previous) ? 'not_kept' : 'foreign'
}
