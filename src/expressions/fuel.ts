import { RecordFailure } from '../core/errors.ts'
import { charsPerFuel, fuelPerEvaluation } from './limits.ts'

/**
 * What the running evaluation may still spend. One for all: evaluations are synchronous and never
 * nest. Generated code fills it up at the start of each evaluation.
 */
export const fuel = { left: fuelPerEvaluation }

/** @throws RecordFailure RECORD_EXPRESSION when the evaluation has cost too much. */
export function spend(amount: number): void {
  fuel.left -= amount
  if (fuel.left < 0) {
    throw new RecordFailure(
      'RECORD_EXPRESSION',
      `the expression takes more than ${fuelPerEvaluation} steps on this record`,
    )
  }
}

export function spendText(length: number): void {
  if (length >= charsPerFuel) spend(length / charsPerFuel)
}
