import { z } from 'zod'
import { expression, fieldPath } from '../../core/config-types.ts'
import { copyJson } from '../../core/copy-json.ts'
import { RecordFailure } from '../../core/errors.ts'
import { kindOf, objectValue, placeField } from '../../core/field-edit.ts'
import { parseFieldPath, removeField } from '../../core/field-path.ts'
import type { JsonObject } from '../../core/json.ts'
import { defineStateless } from '../../core/operator.ts'

/** An expression that is just a field, which `into` then takes the place of. */
const plainField = /^\s*value\.([A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*)\s*$/

export const split = defineStateless({
  type: 'split',
  kind: 'stateless',
  emitsMany: true,
  summary: 'Make one record of each element of a list.',
  config: z
    .union([
      expression().transform((each) => ({ each, into: null })),
      z.strictObject({
        each: expression().describe('The list.'),
        into: fieldPath()
          .nullable()
          .default(null)
          .describe(
            'The field that gets the element. The other fields of the record stay, without the list itself; left out, the element is the whole new value.',
          ),
      }),
    ])
    .describe(
      'The list, or the list and where its elements go. A record whose list is empty, null or missing is dropped and counted as filtered.',
    ),
  examples: [
    {
      title: 'Each reading becomes a record',
      config: 'value.readings',
      input: [
        { device: 'd1', readings: [{ t: 20.5 }, { t: 21 }] },
        { device: 'd2', readings: [] },
      ],
      output: [{ t: 20.5 }, { t: 21 }],
    },
    {
      title: 'Each line of an order, with the order around it',
      config: { each: 'value.lines', into: 'line' },
      input: [{ order: 'o-1', lines: [{ sku: 'a' }, { sku: 'b' }] }],
      output: [
        { order: 'o-1', line: { sku: 'a' } },
        { order: 'o-1', line: { sku: 'b' } },
      ],
    },
  ],
  fieldsAfter(before, { each, into }) {
    if (before === null || into === null) return null
    const after = new Set(before)
    const list = plainField.exec(each.source)?.[1]
    if (list !== undefined) after.delete(list)
    return after.add(parseFieldPath(into)[0])
  },
  create({ each, into }) {
    const { evaluate, source } = each
    const intoPath = into === null ? null : parseFieldPath(into)
    const listField = plainField.exec(source)?.[1]
    const listPath = listField === undefined ? null : parseFieldPath(listField)
    return {
      process(record, context) {
        const list = evaluate(record)
        if (list === null) return context.drop('filtered')
        if (!Array.isArray(list)) {
          throw new RecordFailure(
            'RECORD_TYPE',
            `${source} is ${kindOf(list)}, and a list is split`,
          )
        }
        if (list.length === 0) return context.drop('filtered')
        const parent = intoPath === null ? null : objectValue(record, 'split with `into`')
        if (parent !== null && listPath !== null) removeField(parent, listPath)
        for (const element of list) {
          if (parent === null || intoPath === null) record.value = copyJson(element)
          else {
            // Each record gets a parent of its own: later steps change it.
            const value = copyJson(parent) as JsonObject
            placeField(value, intoPath, copyJson(element))
            record.value = value
          }
          context.emit(record)
        }
      },
    }
  },
})
