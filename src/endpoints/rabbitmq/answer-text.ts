import type { SourceSlice } from '../../core/endpoints.ts'
import { RecordFailure } from '../../core/errors.ts'
import type { Template } from '../../core/expression.ts'
import { decodeJson } from '../../core/json.ts'
import { StepRecord } from '../../core/step-record.ts'

/** The answer to a record that is stored; what cannot be evaluated on it leaves the answer empty. */
export function answerText(text: Template, { batch, info }: SourceSlice, index: number): string {
  if (text.constant !== null) return text.constant
  const record = new StepRecord()
  record.moveTo(batch, index, { topic: null, partition: 0, baseOffset: 0n, source: info })
  try {
    record.value = decodeJson(batch.valueText(index) ?? 'null')
    return text.render(record)
  } catch (thrown) {
    if (thrown instanceof RecordFailure || thrown instanceof SyntaxError) return ''
    if (thrown instanceof RangeError) return ''
    throw thrown
  }
}
