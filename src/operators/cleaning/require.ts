import { expression } from '../../core/config-types.ts'
import { RecordFailure } from '../../core/errors.ts'
import { kindOf } from '../../core/field-edit.ts'
import { defineStateless } from '../../core/operator.ts'

/** Named so because `require` would be taken for Node's function. */
export const requireOperator = defineStateless({
  type: 'require',
  kind: 'stateless',
  touches: () => [],
  summary: 'Fail the records for which a condition is not true, so that they are dead-lettered.',
  config: expression().describe(
    'The condition. False and null fail the record with RECORD_REQUIRED.',
  ),
  examples: [
    {
      title: 'An order without a customer is an error, not something to drop quietly',
      config: 'value.user_id != null',
      input: [{ id: 1, user_id: 'u1' }, { id: 2 }],
      output: [{ id: 1, user_id: 'u1' }],
    },
    {
      title: 'A comparison with null is not true',
      config: 'value.amount >= 0',
      input: [{ amount: 0 }, { amount: -1 }, { amount: null }],
      output: [{ amount: 0 }],
    },
  ],
  create({ evaluate, source }) {
    return {
      process(record, context) {
        const result = evaluate(record)
        if (result === true) return context.emit(record)
        if (result === false || result === null) {
          throw new RecordFailure('RECORD_REQUIRED', `the condition ${source} is ${result}`)
        }
        throw new RecordFailure(
          'RECORD_TYPE',
          `the condition ${source} gives ${kindOf(result)}, not true or false`,
        )
      },
    }
  },
})
