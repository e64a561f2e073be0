import { z } from 'zod'
import { putField } from '../../core/copy-json.ts'
import { RecordFailure } from '../../core/errors.ts'
import { objectValue } from '../../core/field-edit.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts'
import { defineStateless } from '../../core/operator.ts'

/** A value with more fields than this is no row of a table any more. */
const maxFields = 10_000
const maxDepth = 1_000

const config = z.strictObject({
  separator: z
    .string()
    .min(1)
    .max(10)
    .default('.')
    .describe('What stands between the names on the way to a value.'),
  depth: z
    .int()
    .min(1)
    .max(maxDepth)
    .default(maxDepth)
    .describe('How many levels are taken apart; what lies deeper stays in one piece.'),
  lists: z
    .enum(['index', 'keep'])
    .default('index')
    .describe('Lists: taken apart too, with the index from 0 as the name; or kept as they are.'),
})
type Setting = z.output<typeof config>

export const flatten = defineStateless({
  type: 'flatten',
  kind: 'stateless',
  summary: 'Bring the fields of inner objects and lists to the top, with the way to them as names.',
  config: config.describe(
    'How names are made, and how deep it goes. Empty objects and lists stay. Two values that get one name fail the record.',
  ),
  examples: [
    {
      title: 'Objects and lists become fields with points in their names',
      config: {},
      input: [{ id: 1, user: { name: 'Ann', tags: ['a', 'b'] }, more: {} }],
      output: [{ id: 1, 'user.name': 'Ann', 'user.tags.0': 'a', 'user.tags.1': 'b', more: {} }],
    },
    {
      title: 'One level, with another separator; lists stay',
      config: { separator: '_', depth: 1, lists: 'keep' },
      input: [{ user: { name: { first: 'Ann' }, tags: ['a'] } }],
      output: [{ user_name: { first: 'Ann' }, user_tags: ['a'] }],
    },
    {
      title: 'Two values of one name fail the record',
      config: {},
      input: [{ a: { b: 1 }, 'a.b': 2 }],
      output: [],
    },
  ],
  fieldsAfter: () => null,
  create(setting) {
    return {
      process(record, context) {
        const flat: JsonObject = {}
        const counter = { left: maxFields }
        flattenInto(flat, { value: objectValue(record, 'flatten'), prefix: '', level: 0 }, [
          setting,
          counter,
        ])
        record.value = flat
        context.emit(record)
      },
    }
  },
})

function flattenInto(
  flat: JsonObject,
  at: { readonly value: JsonObject | JsonValue[]; readonly prefix: string; readonly level: number },
  [setting, counter]: readonly [Setting, { left: number }],
): void {
  const { separator, depth, lists } = setting
  for (const [name, value] of Object.entries(at.value)) {
    const path = at.prefix === '' && at.level === 0 ? name : `${at.prefix}${separator}${name}`
    if (at.level < depth && isTakenApart(value, lists)) {
      flattenInto(flat, { value, prefix: path, level: at.level + 1 }, [setting, counter])
      continue
    }
    counter.left -= 1
    if (counter.left < 0) {
      throw new RecordFailure('RECORD_TYPE', `flatten gives more than ${maxFields} fields`)
    }
    if (Object.hasOwn(flat, path)) {
      throw new RecordFailure('RECORD_TYPE', `two values get the name "${path}"`)
    }
    putField(flat, path, value)
  }
}

function isTakenApart(
  value: JsonValue,
  lists: Setting['lists'],
): value is JsonObject | JsonValue[] {
  if (Array.isArray(value)) return lists === 'index' && value.length > 0
  return isJsonObject(value) && Object.keys(value).length > 0
}
