import { z } from 'zod'
import { fieldPath } from '../../core/config-types.ts'
import { objectValue } from '../../core/field-edit.ts'
import { getField, parseFieldPath, setField } from '../../core/field-path.ts'
import type { JsonObject } from '../../core/json.ts'
import { defineStateless } from '../../core/operator.ts'

export const keep = defineStateless({
  type: 'keep',
  kind: 'stateless',
  summary: 'Keep the named fields and remove all others.',
  config: z
    .array(fieldPath())
    .min(1)
    .describe('The fields to keep, in the order that they get; missing ones stay missing.'),
  examples: [
    {
      title: 'Two fields, in the order of the list',
      config: ['amount', 'id'],
      input: [{ id: 1, name: 'Ann', amount: 3 }, { id: 2 }],
      output: [{ amount: 3, id: 1 }, { id: 2 }],
    },
    {
      title: 'A part of an inner object',
      config: ['id', 'user.country'],
      input: [{ id: 1, user: { name: 'Ann', country: 'NL' } }],
      output: [{ id: 1, user: { country: 'NL' } }],
    },
  ],
  fieldsAfter(before, fields) {
    const kept = fields.map((field) => parseFieldPath(field)[0])
    return new Set(before === null ? kept : kept.filter((name) => before.has(name)))
  },
  create(fields) {
    const paths = withoutInner(fields).map(parseFieldPath)
    return {
      process(record, context) {
        const object = objectValue(record, 'keep')
        const kept: JsonObject = {}
        for (const path of paths) {
          if (path.length === 1) {
            if (Object.hasOwn(object, path[0])) kept[path[0]] = object[path[0]]!
            continue
          }
          const value = getField(object, path)
          if (value !== undefined) setField(kept, path, value)
        }
        record.value = kept
        context.emit(record)
      },
    }
  },
})

/** Without the paths inside a field that is kept as a whole. */
function withoutInner(fields: readonly string[]): readonly string[] {
  return fields.filter((field) => !fields.some((outer) => field.startsWith(`${outer}.`)))
}
