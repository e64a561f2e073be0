import { z } from 'zod'
import { fieldPath } from '../../core/config-types.ts'
import { putField } from '../../core/copy-json.ts'
import { objectValue } from '../../core/field-edit.ts'
import { parseFieldPath, removeField } from '../../core/field-path.ts'
import type { JsonObject } from '../../core/json.ts'
import { defineStateless } from '../../core/operator.ts'

export const remove = defineStateless({
  type: 'remove',
  kind: 'stateless',
  summary: 'Remove the named fields.',
  config: z.array(fieldPath()).min(1).describe('The fields to remove; missing ones are no error.'),
  examples: [
    {
      title: 'Remove a field',
      config: ['note'],
      input: [{ id: 1, note: 'gift wrap please' }, { id: 2 }],
      output: [{ id: 1 }, { id: 2 }],
    },
    {
      title: 'Remove a field of an inner object',
      config: ['user.email'],
      input: [{ id: 1, user: { name: 'Ann', email: 'ann@example.com' } }],
      output: [{ id: 1, user: { name: 'Ann' } }],
    },
  ],
  fieldsAfter(before, fields) {
    if (before === null) return null
    const removed = new Set(fields)
    return new Set([...before].filter((name) => !removed.has(name)))
  },
  create(fields) {
    const names = new Set(fields.filter((field) => !field.includes('.')))
    const inner = fields.filter((field) => field.includes('.')).map(parseFieldPath)
    return {
      process(record, context) {
        const object = objectValue(record, 'remove')
        for (const path of inner) removeField(object, path)
        if (names.size > 0) record.value = without(object, names)
        context.emit(record)
      },
    }
  },
})

/** A new object: deleting from one makes it slow for all steps after this one. */
function without(object: JsonObject, names: ReadonlySet<string>): JsonObject {
  const rest: JsonObject = {}
  for (const name in object) if (!names.has(name)) putField(rest, name, object[name]!)
  return rest
}
