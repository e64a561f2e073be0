import { z } from 'zod'
import type { Sink, SinkMemory, SinkReceipt } from '../../core/endpoints.ts'
import { invariant, PipelineError } from '../../core/errors.ts'
import type { RecordBatch } from '../../core/record-batch.ts'
import { openError } from '../file-error.ts'
import { CsvEncoder } from './csv-encoder.ts'
import { readCsvHeader, requireSameColumns } from './csv-header.ts'
import { encodeLines, type EncodedRecords } from './encode-lines.ts'
import { cutBack, openOutputFile, type OutputFile } from './output-file.ts'

export interface OneFileOptions {
  readonly path: string
  readonly mode: 'append' | 'overwrite'
  readonly isCsv: boolean
  /** Of csv; null: those of the first record, or of the file. */
  readonly columns: readonly string[] | null
  readonly delimiter: string
}

const memorySchema = z.strictObject({
  /** Bytes of the file that are committed. */
  length: z.number(),
  /** Bytes that were there before the pipeline began. */
  start: z.number(),
  /** Of csv: the columns. */
  header: z.array(z.string()).nullable(),
})
type FileMemory = z.output<typeof memorySchema>

/** Writes one file; its committed length is remembered with the position. */
export class OneFileSink implements Sink {
  readonly #options: OneFileOptions
  readonly #memory: FileMemory | null
  #file: OutputFile | null = null
  #start = 0
  #csv: CsvEncoder | null = null

  constructor(options: OneFileOptions, memory: SinkMemory) {
    this.#options = options
    this.#memory = memory === null ? null : decodeMemory(memory, options.path)
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
    const { path, mode, isCsv } = this.#options
    const recorded = this.#memory?.length ?? null
    const file = await openOutputFile(path, { recorded, mode })
    try {
      if (isCsv) this.#csv = await this.#makeCsvEncoder(path, file.length)
      return file
    } catch (thrown) {
      await file.close()
      throw openError('writing', path, thrown)
    }
  }

  async #makeCsvEncoder(path: string, length: number): Promise<CsvEncoder> {
    const { columns: listed, delimiter } = this.#options
    const header =
      this.#memory?.header ?? (length === 0 ? null : await readCsvHeader(path, delimiter))
    if (listed !== null && header !== null) requireSameColumns(path, header, listed)
    return new CsvEncoder({
      columns: listed ?? header,
      leavesOut: listed !== null,
      delimiter,
    })
  }
}

function headerOf(csv: CsvEncoder | null): string[] | null {
  const columns = csv?.columns ?? null
  return columns === null ? null : [...columns]
}

/** Takes back what such a sink has written. @throws PipelineError CONFIG_FILE */
export async function resetOneFile(path: string, memory: SinkMemory): Promise<void> {
  if (memory !== null) await cutBack(path, decodeMemory(memory, path).start)
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
