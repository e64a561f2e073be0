import { z } from 'zod'
import { expression, fieldPath } from '../../core/config-types.ts'
import { copyJson } from '../../core/copy-json.ts'
import { objectValue, placeField } from '../../core/field-edit.ts'
import { parseFieldPath, topFields } from '../../core/field-path.ts'
import type { JsonValue } from '../../core/json.ts'
import { defineStateless } from '../../core/operator.ts'

export const set = defineStateless({
  type: 'set',
  kind: 'stateless',
  summary: 'Set fields to the results of expressions.',
  config: z
    .record(
      fieldPath(),
      expression().describe('What the field becomes. A text needs quotes of its own: "\'NL\'".'),
    )
    .refine((fields) => Object.keys(fields).length > 0, 'name at least one field')
    .describe(
      'By field, an expression. All are evaluated on the value as it entered the step, then set; objects on the way to a field are made where they are missing.',
    ),
  examples: [
    {
      title: 'Upper-case one field and make another',
      config: { country: 'upper(value.country)', paid: 'value.amount > 0' },
      input: [{ country: 'nl', amount: 12.5 }],
      output: [{ country: 'NL', amount: 12.5, paid: true }],
    },
    {
      title: 'Every entry sees the value as it was before the step',
      config: { a: 'value.b', b: 'value.a' },
      input: [{ a: 1, b: 2 }],
      output: [{ a: 2, b: 1 }],
    },
    {
      title: 'Constants, and a field inside a field',
      config: { 'meta.version': 2, 'meta.region': "'eu'" },
      input: [{ id: 1 }],
      output: [{ id: 1, meta: { version: 2, region: 'eu' } }],
    },
  ],
  fieldsAfter(before, fields) {
    if (before === null) return null
    return new Set([...before, ...Object.keys(fields).map((field) => parseFieldPath(field)[0])])
  },
  touches: (fields) => topFields(Object.keys(fields)),
  create(fields) {
    const entries = Object.entries(fields).map(([field, { evaluate }]) => {
      const path = parseFieldPath(field)
      return { path, name: path.length === 1 ? path[0] : null, evaluate }
    })
    const results: JsonValue[] = entries.map(() => null)
    return {
      process(record, context) {
        const object = objectValue(record, 'set')
        for (let index = 0; index < entries.length; index++) {
          const result = entries[index]!.evaluate(record)
          // What an expression picks out of the value must not be in two places afterwards.
          results[index] = typeof result === 'object' ? copyJson(result) : result
        }
        for (let index = 0; index < entries.length; index++) {
          const { path, name } = entries[index]!
          if (name !== null) object[name] = results[index]!
          else placeField(object, path, results[index]!)
        }
        context.emit(record)
      },
    }
  },
})
