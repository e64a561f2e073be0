import { z } from 'zod'
import { fieldPath } from '../../core/config-types.ts'
import { castRule, conversion } from '../../core/conversion.ts'
import { fieldEdit, objectValue } from '../../core/field-edit.ts'
import { parseFieldPath, topFields } from '../../core/field-path.ts'
import { defineStateless } from '../../core/operator.ts'

export const cast = defineStateless({
  type: 'cast',
  kind: 'stateless',
  summary: 'Convert fields to a type; what cannot be converted fails the record.',
  config: z
    .record(fieldPath(), castRule())
    .refine((fields) => Object.keys(fields).length > 0, 'name at least one field')
    .describe('By field, its type. Missing fields, null and the empty text become null.'),
  examples: [
    {
      title: 'Text to numbers; what is no number fails the record',
      config: { amount: 'number', items: 'integer' },
      input: [{ amount: ' 12.50', items: '3' }, { amount: 'n/a', items: '1' }, { amount: '' }],
      output: [
        { amount: 12.5, items: 3 },
        { amount: null, items: null },
      ],
    },
    {
      title: 'A local time, with a word that means "not known"',
      config: {
        seen: {
          type: 'timestamp',
          formats: ['dd-MM-yyyy HH:mm'],
          timezone: 'Europe/Amsterdam',
          empty: ['-'],
        },
      },
      input: [{ seen: '01-07-2026 14:30' }, { seen: '-' }],
      output: [{ seen: '2026-07-01T12:30:00.000Z' }, { seen: null }],
    },
    {
      title: 'Amounts of money, exactly; in the output they are texts',
      config: { price: 'decimal', tax: { type: 'decimal', decimal: ',', group: '.' } },
      input: [
        { price: '0.10', tax: '1.234,50' },
        { price: 12.5, tax: '12.50' },
      ],
      output: [{ price: '0.10', tax: '1234.50' }],
    },
    {
      title: 'Null instead of a failed record',
      config: { paid: { type: 'boolean', on_fail: null } },
      input: [{ paid: 'yes' }, { paid: 0 }, { paid: 'perhaps' }],
      output: [{ paid: true }, { paid: false }, { paid: null }],
    },
  ],
  fieldsAfter(before, fields) {
    if (before === null) return null
    const topLevel = Object.keys(fields).filter((field) => !field.includes('.'))
    return new Set([...before, ...topLevel])
  },
  touches: (fields) => topFields(Object.keys(fields)),
  create(fields) {
    const edits = Object.entries(fields).map(([field, options]) =>
      fieldEdit(parseFieldPath(field), conversion(field, options), null),
    )
    return {
      process(record, context) {
        const object = objectValue(record, 'cast')
        for (const edit of edits) edit(object)
        context.emit(record)
      },
    }
  },
})
