import { Decimal } from '../../core/decimal.ts'
import { decodeJson, encodeJson, isExactNumber, type JsonValue } from '../../core/json.ts'
import { defineFunction, type FunctionDefinition } from '../function-definition.ts'
import { spend } from '../fuel.ts'
import { measured } from '../measure.ts'
import { isoText } from '../operations.ts'
import { describe, fail, madeList, madeText, objectIn, textIn } from '../values.ts'

/** Characters of JSON that cost one unit of fuel: about one value. */
const jsonCharsPerFuel = 8

export const objectFunctions: readonly FunctionDefinition[] = [
  defineFunction('keys(object)', {
    summary: 'The names of the fields.',
    examples: [['keys({ a: 1, b: 2 })', ['a', 'b']]],
    returnsParts: true,
    call: (value: JsonValue) => {
      const object = objectIn(value, 'keys')
      return object === null ? null : madeList(Object.keys(object), 'keys')
    },
  }),
  defineFunction('values(object)', {
    summary: 'The values of the fields.',
    examples: [['values({ a: 1, b: 2 })', [1, 2]]],
    returnsParts: true,
    call: (value: JsonValue) => {
      const object = objectIn(value, 'values')
      return object === null ? null : madeList(Object.values(object), 'values')
    },
  }),
  defineFunction('entries(object)', {
    summary: 'The fields as a list of [name, value].',
    examples: [['entries({ a: 1 })', [['a', 1]]]],
    returnsParts: true,
    call: (value: JsonValue) => {
      const object = objectIn(value, 'entries')
      return object === null ? null : madeList(Object.entries(object), 'entries')
    },
  }),
  defineFunction('has(object, name)', {
    summary: 'Whether the object has the field, even if it is null.',
    examples: [
      ["has({ a: null }, 'a')", true],
      ["has({}, 'toString')", false],
    ],
    call: (value: JsonValue, name: JsonValue) => {
      const object = objectIn(value, 'has')
      const field = textIn(name, 'has')
      return object === null || field === null ? null : Object.hasOwn(object, field)
    },
  }),
  defineFunction('parse_json(text, fallback?)', {
    summary:
      'The value that a JSON text stands for. What is no JSON fails the record, or gives the fallback.',
    examples: [
      ['parse_json(\'{"a": [1]}\').a', [1]],
      ["parse_json('{', null)", null],
    ],
    returnsParts: true,
    call: (value: JsonValue, fallback?: JsonValue) => {
      const text = textIn(value, 'parse_json')
      if (text === null) return null
      spend(text.length / jsonCharsPerFuel)
      try {
        return decodeJson(text)
      } catch {
        return fallback === undefined ? fail(`parse_json: ${describe(text)} is no JSON`) : fallback
      }
    },
  }),
  defineFunction('to_json(x)', {
    summary: 'The value as JSON text; null is the text null.',
    examples: [["to_json({ a: [1, 'b'] })", '{"a":[1,"b"]}']],
    call: (value: JsonValue) => encodeText(value, 'to_json'),
  }),
]

/** JSON text of any value, within the limits of what expressions make. */
export function encodeText(value: JsonValue, where: string): string {
  // Numbers and times are answered here: JSON.stringify would ask a Date's own toJSON.
  if (value instanceof Date) return JSON.stringify(isoText(value, where))
  if (isExactNumber(value)) return value.rawJSON
  if (value instanceof Decimal) return JSON.stringify(value)
  const text = encodeJson(measured(value))
  spend(text.length / jsonCharsPerFuel)
  return madeText(text, where)
}
