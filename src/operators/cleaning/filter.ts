import { expression } from '../../core/config-types.ts'
import { RecordFailure } from '../../core/errors.ts'
import { kindOf } from '../../core/field-edit.ts'
import { defineStateless } from '../../core/operator.ts'

export const filter = defineStateless({
  type: 'filter',
  kind: 'stateless',
  touches: () => [],
  summary: 'Keep the records for which a condition is true; drop and count the others.',
  config: expression().describe(
    'The condition. False and null drop the record; anything but true, false and null fails it.',
  ),
  examples: [
    {
      title: 'Keep what has an amount above zero',
      config: 'value.amount > 0',
      input: [{ amount: 3 }, { amount: -1 }, { amount: null }, {}],
      output: [{ amount: 3 }],
    },
    {
      title: 'Two conditions',
      config: "value.country == 'NL' && value.bot != true",
      input: [
        { country: 'NL', bot: false },
        { country: 'NL', bot: true },
        { country: 'BE', bot: false },
      ],
      output: [{ country: 'NL', bot: false }],
    },
  ],
  create({ evaluate, source }) {
    return {
      process(record, context) {
        const result = evaluate(record)
        if (result === true) context.emit(record)
        else if (result === false || result === null) context.drop('filtered')
        else {
          throw new RecordFailure(
            'RECORD_TYPE',
            `the condition ${source} gives ${kindOf(result)}, not true or false`,
          )
        }
      },
    }
  },
})
