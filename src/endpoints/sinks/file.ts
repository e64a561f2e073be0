import { extname } from 'node:path'
import { z } from 'zod'
import { duration, size } from '../../core/config-types.ts'
import { defineSink } from '../../core/endpoints.ts'
import { FilePath, Template } from '../../core/expression.ts'
import { CsvEncoder } from '../writing/csv-encoder.ts'
import { OneFileSink, resetOneFile } from '../writing/one-file-sink.ts'
import { PartitionedFileSink, resetPartitionedFiles } from '../writing/partitioned-file-sink.ts'
import { globOf } from '../writing/path-template.ts'

/** Expressions in the path name a file per record; where there are none, it is the file. */
function outputPath() {
  return z
    .string()
    .min(1)
    .meta({ format: 'path', examples: ['./out/totals.ndjson', './out/${value.country}.ndjson'] })
    .transform((path) => ({
      absolute: new FilePath(path),
      folder: new FilePath('.'),
      template: new Template(path),
    }))
    .refine(
      ({ template: { source } }) => !/\$\{[^}]*\bpartition\b/.test(source),
      'a path cannot have the partition in it: one task writes the records of all partitions',
    )
}

const rotate = z
  .strictObject({
    size: size().optional().describe('How large a file becomes, at least, before the next one.'),
    every: duration()
      .optional()
      .describe('How old a file becomes, by the clock of the machine, before the next one.'),
  })
  .refine(
    ({ size: bytes, every }) => bytes !== undefined || every !== undefined,
    'name size, every or both',
  )

const settings = z
  .strictObject({
    path: outputPath().describe(
      'The file; folders on the way to it are made. With `${...}` in it each record goes to the file that its fields name, such as `./out/${value.country}/${format_time(timestamp, \'yyyy-MM-dd\')}.ndjson`; an expression gives a name, without "/".',
    ),
    format: z
      .enum(['ndjson', 'csv'])
      .optional()
      .describe(
        'ndjson: each value on a line of its own, as it is; csv: objects as rows. Default csv for .csv and .tsv, else ndjson.',
      ),
    mode: z
      .enum(['append', 'overwrite'])
      .default('append')
      .describe(
        'At the first start: append keeps what is in the file, overwrite does not. Later starts go on where the last one ended.',
      ),
    rotate: rotate
      .optional()
      .describe(
        'When the next file is begun: files then have a number in their names, as totals-000001.ndjson.',
      ),
    max_files: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(10_000)
      .describe(
        'Path with `${...}`: how many files of different names there may be; a record that would begin another one fails.',
      ),
    columns: z
      .array(z.string())
      .min(1)
      .optional()
      .describe('csv: the fields to write, in this order (default those of the first record).'),
    delimiter: z
      .string()
      .transform((text) => (text === '\\t' ? '\t' : text))
      .refine((text) => /^[^"\r\n]$/.test(text), 'a delimiter is one character, or \\t for a tab')
      .optional()
      .describe('csv: what stands between fields (default a comma; in .tsv files a tab).'),
  })
  .superRefine(({ path, format, mode, columns, rotate: rule }, context) => {
    if (!isPartitioned({ path, rotate: rule })) return
    const refuse = (name: string, message: string) =>
      context.addIssue({ code: 'custom', path: [name], message })
    const kind = 'with ${...} in the path, or with rotate,'
    if (mode === 'overwrite') refuse('mode', `${kind} files are appended to; --fresh removes them`)
    if (isCsv(path.template.source, format) && columns === undefined)
      refuse('columns', `${kind} csv needs columns: all files have the same`)
  })
  .superRefine(({ format, columns, delimiter }, context) => {
    if (format !== 'ndjson') return
    const given = Object.entries({ columns, delimiter }).filter(([, value]) => value !== undefined)
    for (const [name] of given) {
      context.addIssue({
        code: 'custom',
        path: [name],
        message: `${name} is a setting of format: csv`,
      })
    }
  })

const config = z
  .union([outputPath(), settings])
  .transform((setting) =>
    'template' in setting
      ? { ...settings.parse({ path: setting.template.source }), path: setting }
      : setting,
  )
  .describe('A path, or the settings.')

type FileSinkConfig = z.output<typeof settings>

export const fileSink = defineSink({
  type: 'file',
  summary:
    'Writes a file, or one per value of fields, each record exactly once: after a crash it goes on behind what was committed.',
  config,
  examples: [
    { title: 'A line of JSON per record', config: './out/totals.ndjson' },
    {
      title: 'A csv file with chosen columns, written anew',
      config: { path: './out/totals.csv', mode: 'overwrite', columns: ['country', 'revenue'] },
    },
    {
      title: 'A folder per country, a file per day',
      config: "./out/${value.country}/${format_time(timestamp, 'yyyy-MM-dd')}.ndjson",
    },
    {
      title: 'The next file after 100 MiB or an hour',
      config: { path: './out/orders.ndjson', rotate: { size: '100MiB', every: '1h' } },
    },
  ],
  delivery: 'exactly_once',
  guarantee: (setting) => ({
    guarantee: 'exactly_once',
    why: isPartitioned(setting)
      ? 'What a write changes is noted on the disk before, and which write was the last one is committed with the position; what lies beyond it after a crash is cut off and written again.'
      : 'The length of the file is committed with the position; what lies beyond it after a crash is cut off and written again.',
    afterCrash: null,
    dropBy: null,
  }),
  singleTask: () => true,
  files: ({ path }) => [globOf(path.absolute.absolute)],
  reset: (setting, memory) =>
    isPartitioned(setting)
      ? resetPartitionedFiles(placesOf(setting))
      : resetOneFile(setting.path.absolute.absolute, memory),
  create(setting, environment, memory) {
    const { path, mode, rotate: rule, max_files: maxFiles } = setting
    const columns = setting.columns ?? null
    const csv = { isCsv: isCsv(path.template.source, setting.format), columns }
    const delimiter =
      setting.delimiter ?? (extensionOf(path.template.source) === '.tsv' ? '\t' : ',')
    if (!isPartitioned(setting)) {
      const one = { path: path.absolute.absolute, mode, ...csv, delimiter }
      return new OneFileSink(one, memory)
    }
    const encoder = csv.isCsv ? new CsvEncoder({ columns, leavesOut: true, delimiter }) : null
    const files = {
      ...placesOf(setting),
      rotate: rule === undefined ? null : { bytes: rule.size ?? null, ageMs: rule.every ?? null },
      maxFiles,
      csv: encoder,
    }
    return new PartitionedFileSink(files, environment, memory)
  },
})

/** Whether there can be more files than one. */
function isPartitioned({ path, rotate: rule }: Pick<FileSinkConfig, 'path' | 'rotate'>): boolean {
  return rule !== undefined || path.template.source.includes('${')
}

function placesOf({ path }: Pick<FileSinkConfig, 'path'>) {
  return { path: path.template, folder: path.folder.absolute }
}

function isCsv(path: string, format: FileSinkConfig['format'] | undefined): boolean {
  const extension = extensionOf(path)
  return format === undefined ? extension === '.csv' || extension === '.tsv' : format === 'csv'
}

function extensionOf(path: string): string {
  return extname(path).toLowerCase()
}
