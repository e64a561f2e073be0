import { createHmac, hash } from 'node:crypto'
import { z } from 'zod'
import { fieldPath } from '../../core/config-types.ts'
import { Decimal } from '../../core/decimal.ts'
import { RecordFailure } from '../../core/errors.ts'
import { fieldEdit, kindOf, objectValue } from '../../core/field-edit.ts'
import { parseFieldPath, topFields } from '../../core/field-path.ts'
import { isExactNumber, type JsonValue } from '../../core/json.ts'
import { defineStateless } from '../../core/operator.ts'

const redactedText = '****'

const method = z.union([
  z
    .enum(['sha256', 'redact'])
    .transform((name) =>
      name === 'sha256' ? { sha256: true as const } : { redact: redactedText },
    ),
  z.strictObject({
    redact: z.string().describe('The text that takes the place of the value.'),
  }),
  z.strictObject({
    truncate: z.int().min(0).describe('How many characters are kept, from the start.'),
  }),
  z.strictObject({
    hmac: z
      .strictObject({
        key: z.string().min(1).describe('The secret key, as `${secret:NAME}`.'),
      })
      .describe('Like sha256, but only who has the key can find the value again by trying.'),
  }),
])
type Method = z.output<typeof method>

export const mask = defineStateless({
  type: 'mask',
  kind: 'stateless',
  summary: 'Make the values of fields unreadable, by a hash or by cutting them.',
  config: z
    .record(fieldPath(), method)
    .refine((fields) => Object.keys(fields).length > 0, 'name at least one field')
    .describe(
      'By field, how it is masked: sha256 makes the hexadecimal hash of the text (equal values stay equal), hmac the same with a key; redact puts `****` or another text there; truncate keeps the first characters. Null and missing fields stay so.',
    ),
  examples: [
    {
      title: 'A hash, so that equal addresses can still be counted',
      config: { email: 'sha256' },
      input: [{ email: 'ann@example.com' }, { email: null }],
      output: [
        { email: '71d4f55f72fa128dfb468a1a3901507c804b74316488744d769d7f4b16696476' },
        { email: null },
      ],
    },
    {
      title: 'Cut and replaced',
      config: { phone: { truncate: 4 }, card: { redact: '(card)' }, name: 'redact' },
      input: [{ phone: '0612345678', card: '4111 1111 1111 1111', name: 'Ann' }],
      output: [{ phone: '0612', card: '(card)', name: '****' }],
    },
    {
      title: 'A keyed hash; the key is a secret',
      config: { id: { hmac: { key: 'key' } } },
      input: [{ id: 'u1' }],
      output: [{ id: 'dc0708706ec6b9b1224ee4d159bdf54509c6a7abf5640861e142aa0942f4a6bb' }],
    },
  ],
  touches: (fields) => topFields(Object.keys(fields)),
  create(fields) {
    const edits = Object.entries(fields).map(([field, chosen]) => {
      const masked = masking(field, chosen)
      return fieldEdit(parseFieldPath(field), (value) => (value === null ? null : masked(value)))
    })
    return {
      process(record, context) {
        const object = objectValue(record, 'mask')
        for (const edit of edits) edit(object)
        context.emit(record)
      },
    }
  },
})

function masking(field: string, chosen: Method): (value: JsonValue) => JsonValue {
  if ('redact' in chosen) {
    const { redact } = chosen
    return () => redact
  }
  if ('truncate' in chosen) return (value) => firstCharacters(textOf(value, field), chosen.truncate)
  if ('hmac' in chosen) {
    const { key } = chosen.hmac
    return (value) => createHmac('sha256', key).update(textOf(value, field)).digest('hex')
  }
  return (value) => hash('sha256', textOf(value, field), 'hex')
}

/** @throws RecordFailure RECORD_TYPE for lists and objects; the message says nothing of the value. */
function textOf(value: JsonValue, field: string): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Decimal) return value.toString()
  if (isExactNumber(value)) return value.rawJSON
  throw new RecordFailure(
    'RECORD_TYPE',
    `${field} is ${kindOf(value)}, which only \`redact\` can mask`,
  )
}

/** Characters as people count them at least as far as surrogate pairs, which are never cut in two. */
function firstCharacters(text: string, count: number): string {
  if (text.length <= count) return text
  let end = 0
  for (let left = count; left > 0 && end < text.length; left--)
    end += text.codePointAt(end)! > 0xffff ? 2 : 1
  return text.slice(0, end)
}
