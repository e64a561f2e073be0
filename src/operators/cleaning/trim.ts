import { z } from 'zod'
import { fieldPath } from '../../core/config-types.ts'
import { fieldEdit, objectValue } from '../../core/field-edit.ts'
import { parseFieldPath, topFields } from '../../core/field-path.ts'
import type { JsonValue } from '../../core/json.ts'
import { defineStateless } from '../../core/operator.ts'

export const trim = defineStateless({
  type: 'trim',
  kind: 'stateless',
  summary: 'Remove white space at both ends of text fields.',
  config: z
    .array(fieldPath())
    .min(1)
    .describe('The fields to trim; missing ones, and those that are no text, are left alone.'),
  examples: [
    {
      title: 'Trim one field',
      config: ['country'],
      input: [{ country: ' nl ' }, { country: null }, {}],
      output: [{ country: 'nl' }, { country: null }, {}],
    },
    {
      title: 'Fields inside fields; what is no text stays as it is',
      config: ['name', 'address.zip'],
      input: [{ name: 7, address: { zip: '1012 AB\t', city: ' Amsterdam' } }],
      output: [{ name: 7, address: { zip: '1012 AB', city: ' Amsterdam' } }],
    },
  ],
  touches: (fields) => topFields(fields),
  create(fields) {
    const edits = fields.map((field) => fieldEdit(parseFieldPath(field), trimmed))
    return {
      process(record, context) {
        const object = objectValue(record, 'trim')
        for (const edit of edits) edit(object)
        context.emit(record)
      },
    }
  },
})

function trimmed(value: JsonValue): JsonValue {
  return typeof value === 'string' ? value.trim() : value
}
