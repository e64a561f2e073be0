import { z } from 'zod'
import type { CsvOptions, InputFormat } from './input-format.ts'

/** One byte in every encoding, and no line end. */
function isAsciiCharacter(text: string): boolean {
  return /^[ -~\t]$/.test(text)
}

/** Settings of the csv format, which sources have among their own. */
export const csvFields = {
  header: z
    .boolean()
    .optional()
    .describe('csv: whether the first row has the names of the columns (default true).'),
  columns: z
    .array(z.string())
    .min(1)
    .optional()
    .describe('csv with `header: false`: the names of the columns.'),
  delimiter: z
    .string()
    .transform((text) => (text === '\\t' ? '\t' : text))
    .refine(
      (text) => isAsciiCharacter(text),
      'a delimiter is one ASCII character, or \\t for a tab',
    )
    .optional()
    .describe('csv: what stands between fields (default a comma; in .tsv files a tab).'),
  quote: z
    .string()
    .refine(
      (text) => text === '' || isAsciiCharacter(text),
      'a quote is one ASCII character, or empty',
    )
    .optional()
    .describe('csv: what stands around quoted fields (default "); empty where no field is quoted.'),
  encoding: z
    .enum(['utf8', 'latin1'])
    .optional()
    .describe('csv: the encoding of the text (default utf8).'),
}

type CsvFields = { readonly [Name in keyof typeof csvFields]?: z.output<(typeof csvFields)[Name]> }

export function csvOptionsOf(fields: CsvFields): CsvOptions {
  return {
    header: fields.header ?? true,
    columns: fields.columns,
    delimiter: fields.delimiter,
    quote: fields.quote ?? '"',
    encoding: fields.encoding ?? 'utf8',
  }
}

/** Reports csv settings that contradict each other, or the format. */
export function checkCsvFields(
  fields: CsvFields & { readonly format?: InputFormat | undefined },
  context: z.RefinementCtx,
): void {
  const report = (path: string, message: string): void => {
    context.addIssue({ code: 'custom', path: [path], message })
  }
  if (fields.format !== undefined && fields.format !== 'csv') {
    for (const name of Object.keys(csvFields) as (keyof typeof csvFields)[]) {
      if (fields[name] !== undefined) report(name, `${name} is a setting of format: csv`)
    }
    return
  }
  const hasHeader = fields.header ?? true
  if (hasHeader && fields.columns !== undefined) {
    report('columns', 'the header names the columns; set header: false where the first row is data')
  }
  if (!hasHeader && fields.columns === undefined) {
    report('header', 'without a header, list the names in columns')
  }
  if (fields.columns !== undefined && new Set(fields.columns).size < fields.columns.length) {
    report('columns', 'two columns have the same name')
  }
  if ((fields.delimiter ?? ',') === (fields.quote ?? '"')) {
    report('quote', 'delimiter and quote are the same character')
  }
}
