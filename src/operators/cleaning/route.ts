import { z } from 'zod'
import { expression } from '../../core/config-types.ts'
import { RecordFailure } from '../../core/errors.ts'
import { kindOf } from '../../core/field-edit.ts'
import { defineStateless } from '../../core/operator.ts'

const namePattern = /^[a-z][a-z0-9_-]*$/

export const route = defineStateless({
  type: 'route',
  kind: 'stateless',
  summary: 'Choose one of the outputs of the stage for each record; the last step.',
  config: z
    .record(
      z
        .string()
        .regex(
          namePattern,
          'an output is named in small letters, digits, "-" and "_", and begins with a letter',
        )
        .refine(
          (name) => name !== 'otherwise',
          '`otherwise` stands in `to` alone: it takes what no condition holds for',
        ),
      expression().describe('The condition. False and null are no match.'),
    )
    .refine((outputs) => Object.keys(outputs).length > 0, 'name at least one output')
    .describe(
      'By name of an output in `to`, its condition. The first that is true counts. A record for which none is goes to `otherwise` of `to`; without one it fails.',
    ),
  examples: [
    {
      title:
        'With `to: { critical: iot.critical, otherwise: iot.normal }`, high ones go to iot.critical',
      config: { critical: "value.severity == 'high'" },
      input: [{ severity: 'high' }, { severity: 'low' }],
      output: [{ severity: 'high' }, { severity: 'low' }],
    },
    {
      title:
        'The first condition that holds counts; an order of 2000 is large, wherever it is from',
      config: { large: 'value.amount >= 1000', foreign: "value.country != 'NL'" },
      input: [
        { amount: 2000, country: 'BE' },
        { amount: 5, country: 'BE' },
      ],
      output: [
        { amount: 2000, country: 'BE' },
        { amount: 5, country: 'BE' },
      ],
    },
  ],
  touches: () => [],
  create(outputs) {
    const choices = Object.entries(outputs).map(([name, { evaluate }]) => ({ name, evaluate }))
    return {
      process(record, context) {
        record.output = null
        for (const { name, evaluate } of choices) {
          const result = evaluate(record)
          if (result === true) {
            record.output = name
            break
          }
          if (result !== false && result !== null) {
            throw new RecordFailure(
              'RECORD_TYPE',
              `the condition of the output "${name}" gives ${kindOf(result)}, not true or false`,
            )
          }
        }
        context.emit(record)
      },
    }
  },
})
