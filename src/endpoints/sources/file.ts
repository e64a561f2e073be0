import { hash } from 'node:crypto'
import { z } from 'zod'
import { duration, filePath, pattern, size } from '../../core/config-types.ts'
import {
  defineSource,
  type EndpointEnvironment,
  type ReadRequest,
  type Source,
  type SourceSlice,
} from '../../core/endpoints.ts'
import { FilePath } from '../../core/expression.ts'
import type { JsonValue } from '../../core/json.ts'
import { openError } from '../file-error.ts'
import { checkCsvFields, csvFields, csvOptionsOf } from '../formats/csv-config.ts'
import { inputFormats } from '../formats/input-format.ts'
import { FollowedFileSource } from '../reading/followed-file-source.ts'
import { openInputFile, type InputFile, type InputFileSettings } from '../reading/input-file.ts'
import { listInputFiles } from '../reading/input-files.ts'
import { collectRecords, SliceCollector } from '../reading/slice-collector.ts'

const readChunkBytes = 512 * 1024
const largestRecord = 1024 ** 3

const multiline = z
  .strictObject({
    start: pattern().optional().describe('Lines that match begin a record.'),
    continue: pattern().optional().describe('Lines that match belong to the record before.'),
    timeout: duration().prefault('1s').describe('follow: how long a record waits for more lines.'),
  })
  .refine(
    ({ start, continue: goesOn }) => (start === undefined) !== (goesOn === undefined),
    'name one of start and continue',
  )

const settings = z
  .strictObject({
    path: z
      .union([filePath(), z.array(filePath()).min(1)])
      .describe(
        'A file, a pattern such as ./in/*.ndjson, or a list of them; read in sorted order.',
      ),
    format: z
      .enum(inputFormats)
      .optional()
      .describe(
        'ndjson: a record per line; json_array: per element; csv: per row, as an object of strings; text: per line, as it is; bytes: the whole file. Default by the extension: .ndjson and .jsonl, .json, .csv and .tsv, else text.',
      ),
    ...csvFields,
    compression: z
      .enum(['auto', 'none', 'gzip'])
      .default('auto')
      .describe('auto: decompressed where the file begins as a gzip file does.'),
    max_decompressed: size()
      .prefault('10GiB')
      .describe('Most bytes that one compressed file may decompress to; the run stops there.'),
    max_record: size()
      .refine(
        (bytes) => bytes >= 1 && bytes <= largestRecord,
        'max_record lies between 1B and 1GiB',
      )
      .prefault('16MiB')
      .describe('Longest record; of a longer one the first KiB is dead-lettered.'),
    multiline: multiline
      .optional()
      .describe('text: records of several lines, such as messages with a stack trace.'),
    follow: z
      .boolean()
      .default(false)
      .describe(
        'Whether to read on as the files grow, through rotation (by rename, or by copy and truncation), and to take new files of a pattern. The source then never ends. Lines are read once they are whole.',
      ),
    start: z
      .enum(['beginning', 'end'])
      .default('beginning')
      .describe('follow: where files begin that are there at the first run.'),
    rotate_wait: duration()
      .prefault('5s')
      .describe(
        'follow: how long a file that was renamed or removed is read on; its last line is then taken as it is.',
      ),
  })
  .superRefine(checkCsvFields)
  .superRefine(({ follow, format, multiline: lines, compression, start }, context) => {
    const refuse = (name: string, message: string) =>
      context.addIssue({ code: 'custom', path: [name], message })
    if (lines !== undefined && format !== 'text')
      refuse('multiline', 'records of several lines have format: text')
    if (!follow && start === 'end') refuse('start', 'start: end is a setting of follow: true')
    if (!follow) return
    if (format === 'json_array' || format === 'bytes')
      refuse('follow', `a file of format ${format} is read when it is complete, not followed`)
    if (compression === 'gzip') refuse('follow', 'a compressed file cannot be followed')
  })

const config = z
  .union([filePath(), settings])
  .transform((setting) =>
    setting instanceof FilePath
      ? { ...settings.parse({ path: setting.source }), path: setting }
      : setting,
  )
  .describe('A path, or the settings.')

export const fileSource = defineSource({
  type: 'file',
  summary:
    'Reads files from where the last run stopped, once or as they grow; new and grown files are read on.',
  config,
  examples: [
    { title: 'All files of a folder, in the order of their names', config: './in/*.ndjson' },
    {
      title: 'A csv file without a header',
      config: { path: './speeds.csv', header: false, columns: ['road', 'speed'], delimiter: ';' },
    },
    {
      title: 'A log that a web server writes and rotates',
      config: { path: '/var/log/nginx/access.log', follow: true, start: 'end' },
    },
    {
      title: 'Messages with their stack traces',
      config: { path: './app.log', format: 'text', multiline: { continue: '^\\s' } },
    },
  ],
  files: ({ path }) => (Array.isArray(path) ? path : [path]).map(({ absolute }) => absolute),
  bounded: ({ follow }) => !follow,
  replayable: true,
  guarantee: () => ({
    guarantee: 'exactly_once',
    why: 'The position in each file is committed with the records that were read up to it.',
    afterCrash: null,
    dropBy: null,
  }),
  create(setting, environment, positions) {
    const paths = Array.isArray(setting.path) ? setting.path : [setting.path]
    const files: InputFileSettings = {
      format: setting.format,
      compression: setting.compression,
      maxDecompressed: setting.max_decompressed,
      maxRecord: setting.max_record,
      chunkBytes: readChunkBytes,
      csv: csvOptionsOf(setting),
      begins: lineRule(setting.multiline),
    }
    if (setting.follow) {
      return new FollowedFileSource({
        paths,
        files,
        start: setting.start,
        rotateWaitUs: 1_000 * setting.rotate_wait,
        flushAfterUs: 1_000 * (setting.multiline?.timeout ?? 0),
        environment,
        positions,
      })
    }
    return new FileSource({ paths, files, environment, positions })
  },
})

function lineRule(setting: z.output<typeof multiline> | undefined): InputFileSettings['begins'] {
  if (setting === undefined) return null
  const { start, continue: goesOn } = setting
  if (start !== undefined) return (line) => start.pattern.test(line)
  return (line) => goesOn?.pattern.test(line) !== true
}

export interface FileSourceOptions {
  readonly paths: readonly FilePath[]
  readonly files: InputFileSettings
  readonly environment: EndpointEnvironment
  readonly positions: ReadonlyMap<string, JsonValue>
}

/** Reads one file after the other; each is a split of its own, named by a hash of its path. */
export class FileSource implements Source {
  readonly #options: FileSourceOptions
  #waiting: string[] | null = null
  #current: InputFile | null = null
  #collector: SliceCollector | null = null
  /** Thrown by the next read: what was read before the error is handed on first. */
  #error: unknown = null

  constructor(options: FileSourceOptions) {
    this.#options = options
  }

  async read(request: ReadRequest): Promise<SourceSlice | null> {
    if (this.#error !== null) throw this.#error
    this.#collector ??= new SliceCollector(this.#options.environment.clock, request)
    const collector = this.#collector
    collector.begin(request)
    try {
      await this.#collect(collector)
    } catch (thrown) {
      this.#error = openError('reading', this.#current?.path ?? 'files', thrown)
      if (collector.count === 0) throw this.#error
      this.#notePosition(collector)
    }
    return collector.count === 0 ? null : collector.finish()
  }

  async close(): Promise<void> {
    await this.#current?.stream.close()
    this.#current = null
  }

  async #collect(collector: SliceCollector): Promise<void> {
    this.#waiting ??= listInputFiles(this.#options.paths).toReversed()
    while (!collector.isFull() && !collector.signal.aborted) {
      this.#current ??= await this.#openNext(collector.signal)
      if (this.#current === null) return
      const { path, cutter, stream } = this.#current
      collector.startPart(path)
      const outcome = await collectRecords(collector, cutter, stream)
      this.#notePosition(collector)
      // A slice can be as good as full: the next record would not fit.
      if (outcome === 'pause') return
      await this.close()
    }
  }

  /** The next file with something left to read; null after the last one. */
  async #openNext(signal: AbortSignal): Promise<InputFile | null> {
    const { files, positions, environment } = this.#options
    const { notice } = environment
    const waiting = this.#waiting ?? []
    for (let path = waiting.at(-1); path !== undefined; path = waiting.at(-1)) {
      const file = await openInputFile(path, files, {
        stored: positions.get(splitOf(path)),
        notice,
        signal,
      })
      if (signal.aborted) {
        await file?.stream.close()
        return null
      }
      waiting.pop()
      if (file !== null) return file
    }
    return null
  }

  #notePosition(collector: SliceCollector): void {
    if (this.#current !== null)
      collector.setPosition(splitOf(this.#current.path), this.#current.position())
  }
}

/** The name that a file has in the stored positions: a path may hold what nobody should read there. */
function splitOf(path: string): string {
  return hash('sha256', path, 'hex')
}
