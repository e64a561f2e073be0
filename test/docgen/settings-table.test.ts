import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { duration, expression, fieldPath } from '../../src/core/config-types.ts'
import { settingSchema } from '../../src/docgen/json-schema.ts'
import { settingRows, settingsTable, typeOf } from '../../src/docgen/settings-table.ts'

const rowsOf = (config: z.ZodType) => {
  return settingRows(settingSchema(config)).map(({ path, types, isRequired }) => {
    return [path, types.join('/'), isRequired]
  })
}

describe('the type of a setting', () => {
  it.each([
    [expression(), 'expression'],
    [duration(), 'duration'],
    [z.array(fieldPath()), 'list of field'],
    [z.record(z.string(), expression()), 'map of expression'],
    [z.enum(['a', 'b']), '`a` or `b`'],
    [z.array(z.union([z.string(), z.number()])), 'list of (text or number)'],
    [z.union([z.boolean(), z.null(), z.int()]), 'true or false or null or whole number'],
    [z.literal(''), '`""`'],
    [z.unknown(), 'any value'],
    [z.strictObject({}), 'map'],
  ])('is told in words (%#)', (config, words) => {
    expect(typeOf(settingSchema(config))).toBe(words)
  })
})

describe('the settings of a definition', () => {
  it('are told with those of nested maps and lists', () => {
    const config = z.strictObject({
      window: z.strictObject({ size: duration() }).optional(),
      fields: z.record(z.string(), z.strictObject({ by: expression() })),
      rules: z.array(z.strictObject({ limit: z.int().default(3) })),
    })
    expect(rowsOf(config)).toEqual([
      ['window', 'map', false],
      ['window.size', 'duration', true],
      ['fields', 'map of map', true],
      ['fields.*.by', 'expression', true],
      ['rules', 'list of map', true],
      ['rules[].limit', 'whole number', false],
    ])
  })

  it('that several forms have are one row, and are required only where each form has them', () => {
    const config = z.discriminatedUnion('format', [
      z.strictObject({ format: z.literal('csv'), quote: z.string() }),
      z.strictObject({ format: z.literal('text') }),
    ])
    expect(rowsOf(config)).toEqual([
      ['format', '`csv`/`text`', true],
      ['quote', 'text', false],
    ])
  })

  it('are a table whose cells break nothing', () => {
    const config = z.strictObject({ a: z.string().default('|').describe('One | two\nthree.') })
    expect(settingsTable(settingSchema(config)).split('\n').at(-1)).toBe(
      '| `a` | text | `"\\|"` | One \\| two three. |',
    )
  })

  it('are no table where there are none', () => {
    expect(settingsTable(settingSchema(expression()))).toBe('')
  })
})
