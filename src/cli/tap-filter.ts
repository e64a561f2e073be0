import { PipelineError, messageOf } from '../core/errors.ts'
import type { Evaluate } from '../core/expression.ts'
import type { SliceBatch } from '../core/log.ts'
import { StepRecord } from '../core/step-record.ts'
import { compileExpression } from '../expressions/compile.ts'
import { decodeValue } from '../runtime/decode-value.ts'

export interface TapConditions {
  /** An expression over the record: only those for which it is true. */
  readonly where?: string
  /** As text, exactly. */
  readonly key?: string
  /** Ingest time, epoch ms. */
  readonly sinceMs?: number
}

/** Chooses among the records of a topic. */
export class TapFilter {
  readonly #where: Evaluate | null
  readonly #conditions: TapConditions
  readonly #record = new StepRecord()
  /** Records that were not chosen, and those of them on which the expression cannot be evaluated. */
  skipped = 0
  failed = 0

  /** @throws PipelineError CONFIG_EXPRESSION */
  constructor(conditions: TapConditions) {
    this.#conditions = conditions
    this.#where = conditions.where === undefined ? null : compiled(conditions.where)
  }

  matches(slice: SliceBatch, index: number): boolean {
    const { batch } = slice
    const { key, sinceMs } = this.#conditions
    const isOld = sinceMs !== undefined && batch.timestampMs[index]! < sinceMs
    const isOther = key !== undefined && batch.keyText(index) !== key
    if (!isOld && !isOther && this.#holds(slice, index)) return true
    this.skipped += 1
    return false
  }

  #holds({ batch, topic, partition, baseOffset }: SliceBatch, index: number): boolean {
    if (this.#where === null) return true
    const record = this.#record
    record.moveTo(batch, index, { topic, partition, baseOffset, source: null })
    try {
      record.value = valueOf(record)
      return this.#where(record) === true
    } catch {
      this.failed += 1
      return false
    }
  }
}

/** What is no JSON has no value, and a key and headers all the same. */
function valueOf(record: StepRecord): StepRecord['value'] {
  try {
    return decodeValue(record)
  } catch {
    return null
  }
}

function compiled(source: string): Evaluate {
  try {
    return compileExpression(source)
  } catch (thrown) {
    throw new PipelineError('CONFIG_EXPRESSION', `--where: ${messageOf(thrown)}`)
  }
}
