import { z } from 'zod'

const maxColumns = 1_000

/** How the values of a stage are written to its topic, where that is not JSON. */
export type EncodeSpec =
  | { readonly format: 'text'; readonly field: string | null }
  | { readonly format: 'bytes'; readonly field: string | null }
  | { readonly format: 'csv'; readonly columns: readonly string[]; readonly delimiter: string }

function field(what: string) {
  return z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(`The field at the top of the value that holds ${what}; left out, the value itself.`)
}

/** The setting `encode` of a stage. */
export function encode() {
  const text = z.strictObject({
    format: z.literal('text').describe('Text as it is; numbers, true and false as they are shown.'),
    field: field('the text'),
  })
  const bytes = z.strictObject({
    format: z.literal('bytes').describe('The bytes that a text in base64 stands for.'),
    field: field('the text in base64'),
  })
  const csv = z.strictObject({
    format: z.literal('csv').describe('A row of the fields, without a line end.'),
    columns: z
      .array(z.string().min(1))
      .min(1)
      .max(maxColumns)
      .describe('The fields at the top of the value, in the order of the row.'),
    delimiter: z
      .string()
      .length(1)
      .refine((character) => !/["\r\n]/.test(character), 'a delimiter is no quote or line end')
      .default(',')
      .describe('What stands between two values.'),
  })
  return z
    .union([
      z.literal('json').transform(() => null),
      z.enum(['text', 'bytes']).transform((format): EncodeSpec => ({ format, field: null })),
      z.discriminatedUnion('format', [text, bytes, csv]),
    ])
    .transform((setting): EncodeSpec | null => setting)
}
