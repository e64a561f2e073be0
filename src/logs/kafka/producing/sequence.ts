/** Sequence numbers are 31 bits wide and go on at 0. */
const sequences = 2 ** 31

/** The sequence number of the record that comes `records` after the one with `sequence`. */
export function sequenceAfter(sequence: number, records: number): number {
  return (sequence + records) % sequences
}
