import { extname } from 'node:path'
import { z } from 'zod'
import { filePath } from '../../core/config-types.ts'
import { defineSink, type Sink, type SinkMemory, type SinkReceipt } from '../../core/endpoints.ts'
import { invariant, PipelineError } from '../../core/errors.ts'
import { FilePath } from '../../core/expression.ts'
import type { RecordBatch } from '../../core/record-batch.ts'
import { openError } from '../file-error.ts'
import { CsvEncoder } from '../writing/csv-encoder.ts'
import { readCsvHeader, requireSameColumns } from '../writing/csv-header.ts'
import { encodeLines, type EncodedRecords } from '../writing/encode-lines.ts'
import { cutBack, openOutputFile, type OutputFile } from '../writing/output-file.ts'

function outputPath() {
  return filePath().refine(
    ({ source }) => !source.includes('${'),
    'a path with ${...} in it, for several files, is not supported yet; name one file',
  )
}

const settings = z
  .strictObject({
    path: outputPath().describe('The file; folders on the way to it are made.'),
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
    setting instanceof FilePath
      ? { ...settings.parse({ path: setting.source }), path: setting }
      : setting,
  )
  .describe('A path, or the settings.')

type FileSinkConfig = z.output<typeof settings>

export const fileSink = defineSink({
  type: 'file',
  summary:
    'Writes one file, each record exactly once: after a crash it goes on at the committed length.',
  config,
  examples: [
    { title: 'A line of JSON per record', config: './out/totals.ndjson' },
    {
      title: 'A csv file with chosen columns, written anew',
      config: { path: './out/totals.csv', mode: 'overwrite', columns: ['country', 'revenue'] },
    },
  ],
  delivery: 'exactly_once',
  guarantee: () => ({
    guarantee: 'exactly_once',
    why: 'The length of the file is committed with the position; what lies beyond it after a crash is cut off and written again.',
    afterCrash: null,
    dropBy: null,
  }),
  singleTask: () => true,
  files: ({ path }) => [path.absolute],
  reset: async ({ path }, memory) => {
    if (memory !== null) await cutBack(path.absolute, decodeMemory(memory, path.absolute).start)
  },
  create: (setting, _environment, memory) => new FileSink(setting, memory),
})

const memorySchema = z.strictObject({
  /** Bytes of the file that are committed. */
  length: z.number(),
  /** Bytes that were there before the pipeline began. */
  start: z.number(),
  /** Of csv: the columns. */
  header: z.array(z.string()).nullable(),
})
type FileMemory = z.output<typeof memorySchema>

class FileSink implements Sink {
  readonly #path: FilePath
  readonly #mode: FileSinkConfig['mode']
  readonly #memory: FileMemory | null
  readonly #listed: readonly string[] | null
  readonly #delimiter: string
  readonly #isCsv: boolean
  #file: OutputFile | null = null
  #start = 0
  #csv: CsvEncoder | null = null

  constructor(setting: FileSinkConfig, memory: SinkMemory) {
    const extension = extname(setting.path.source).toLowerCase()
    this.#path = setting.path
    this.#mode = setting.mode
    this.#listed = setting.columns ?? null
    this.#delimiter = setting.delimiter ?? (extension === '.tsv' ? '\t' : ',')
    const isCsvName = extension === '.csv' || extension === '.tsv'
    this.#isCsv = setting.format === undefined ? isCsvName : setting.format === 'csv'
    this.#memory = memory === null ? null : decodeMemory(memory, setting.path.absolute)
  }

  async begin(): Promise<SinkMemory> {
    this.#file = await this.#open()
    this.#start = this.#memory?.start ?? this.#file.length
    return this.#remember(this.#file)
  }

  async write(batch: RecordBatch): Promise<SinkReceipt> {
    const file = this.#file
    invariant(file !== null, 'a sink begins before it writes')
    const { bytes, failures } = this.#encode(batch, file)
    if (bytes.length > 0) await file.append(bytes)
    return { memory: this.#remember(file), failures }
  }

  async close(): Promise<void> {
    await this.#file?.close()
    this.#file = null
  }

  #remember(file: OutputFile): SinkMemory {
    return { length: file.length, start: this.#start, header: headerOf(this.#csv) }
  }

  #encode(batch: RecordBatch, file: OutputFile): EncodedRecords {
    if (this.#csv === null) return encodeLines(batch)
    return this.#csv.encode(batch, file.length === 0)
  }

  async #open(): Promise<OutputFile> {
    const path = this.#path.absolute
    const recorded = this.#memory?.length ?? null
    const file = await openOutputFile(path, { recorded, mode: this.#mode })
    try {
      if (this.#isCsv) this.#csv = await this.#makeCsvEncoder(path, file.length)
      return file
    } catch (thrown) {
      await file.close()
      throw openError('writing', path, thrown)
    }
  }

  async #makeCsvEncoder(path: string, length: number): Promise<CsvEncoder> {
    const listed = this.#listed
    const header =
      this.#memory?.header ?? (length === 0 ? null : await readCsvHeader(path, this.#delimiter))
    if (listed !== null && header !== null) requireSameColumns(path, header, listed)
    return new CsvEncoder({
      columns: listed ?? header,
      leavesOut: listed !== null,
      delimiter: this.#delimiter,
    })
  }
}

function headerOf(csv: CsvEncoder | null): string[] | null {
  const columns = csv?.columns ?? null
  return columns === null ? null : [...columns]
}

/** @throws PipelineError LOG_VERSION */
function decodeMemory(memory: SinkMemory, path: string): FileMemory {
  const parsed = memorySchema.safeParse(memory)
  if (parsed.success) return parsed.data
  throw new PipelineError(
    'LOG_VERSION',
    `writing ${path}: what was stored about the file cannot be understood; run with --fresh to write it again`,
  )
}
