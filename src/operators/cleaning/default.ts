import { z } from 'zod'
import { fieldPath } from '../../core/config-types.ts'
import { copyJson } from '../../core/copy-json.ts'
import { objectValue, placeField } from '../../core/field-edit.ts'
import { getField, parseFieldPath, topFields } from '../../core/field-path.ts'
import { isJsonObject, type JsonValue } from '../../core/json.ts'
import { defineStateless } from '../../core/operator.ts'

const literal = z
  .unknown()
  .refine(isLiteral, 'a text, number, true, false, null, list or object is needed')
  .describe('The value to fill in, as it stands here: no expression.')

/** Named so because `default` is a word of the language. */
export const defaultOperator = defineStateless({
  type: 'default',
  kind: 'stateless',
  summary: 'Fill in fields that are missing or null.',
  config: z
    .record(fieldPath(), literal)
    .refine((fields) => Object.keys(fields).length > 0, 'name at least one field')
    .describe('By field, the value that it gets where it is missing or null.'),
  examples: [
    {
      title: 'A country for records without one',
      config: { country: 'NL' },
      input: [{ id: 1 }, { id: 2, country: null }, { id: 3, country: 'BE' }],
      output: [
        { id: 1, country: 'NL' },
        { id: 2, country: 'NL' },
        { id: 3, country: 'BE' },
      ],
    },
    {
      title: 'Lists, and fields inside fields',
      config: { tags: [], 'address.country': 'NL' },
      input: [{ id: 1, address: { city: 'Utrecht' } }],
      output: [{ id: 1, address: { city: 'Utrecht', country: 'NL' }, tags: [] }],
    },
  ],
  fieldsAfter(before, fields) {
    if (before === null) return null
    return new Set([...before, ...Object.keys(fields).map((field) => parseFieldPath(field)[0])])
  },
  touches: (fields) => topFields(Object.keys(fields)),
  create(fields) {
    const entries = Object.entries(fields).map(([field, value]) => ({
      path: parseFieldPath(field),
      value,
    }))
    return {
      process(record, context) {
        const object = objectValue(record, 'default')
        for (const { path, value } of entries) {
          const before = getField(object, path)
          if (before !== undefined && before !== null) continue
          placeField(object, path, copyJson(value))
        }
        context.emit(record)
      },
    }
  },
})

/** YAML has numbers that JSON lacks: `.inf` and `.nan`. */
function isLiteral(value: unknown): value is JsonValue {
  if (typeof value === 'number') return Number.isFinite(value)
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true
  if (Array.isArray(value)) return value.every(isLiteral)
  return (
    isJsonObject(value as JsonValue | undefined) && Object.values(value as object).every(isLiteral)
  )
}
