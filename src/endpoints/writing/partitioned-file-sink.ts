import { hash } from 'node:crypto'
import { resolve } from 'node:path'
import { z } from 'zod'
import type { EndpointEnvironment, Sink, SinkMemory, SinkReceipt } from '../../core/endpoints.ts'
import { invariant, messageOf, PipelineError, RecordFailure } from '../../core/errors.ts'
import type { Template } from '../../core/expression.ts'
import { decodeJson } from '../../core/json.ts'
import type { RecordBatch } from '../../core/record-batch.ts'
import { StepRecord, type RecordOrigin } from '../../core/step-record.ts'
import type { CsvEncoder } from './csv-encoder.ts'
import { encodeLine } from './encode-lines.ts'
import { cutBack } from './output-file.ts'
import { fixedFolder, renderPath } from './path-template.ts'
import { readCreated, removeJournal, WriteJournal, type CreatedFile } from './write-journal.ts'
import { WrittenFiles, type RotateRule, type WrittenFile } from './written-files.ts'

export interface PartitionedFileOptions {
  /** Names the file of a record. */
  readonly path: Template
  /** Where relative paths begin. */
  readonly folder: string
  readonly rotate: RotateRule | null
  /** How many files of different names there may be. */
  readonly maxFiles: number
  /** null: a line of JSON per record. */
  readonly csv: CsvEncoder | null
}

/** Which write was committed last. */
const memorySchema = z.strictObject({ sequence: z.number() })
const newline = Buffer.from('\n')
const noOrigin: RecordOrigin = { topic: null, partition: 0, baseOffset: 0n, source: null }

/** Lines for one file. */
interface Share {
  readonly name: string
  readonly chunks: Uint8Array[]
}

/**
 * Writes each record to the file that its fields name. What a write is about to change is noted on the disk
 * first, so that after a crash exactly what was not committed is cut off, of however many files.
 */
export class PartitionedFileSink implements Sink {
  readonly #options: PartitionedFileOptions
  readonly #files: WrittenFiles
  readonly #record = new StepRecord()
  /** By name, the number of its last file. */
  readonly #numbers = new Map<string, number>()
  readonly #created = new Set<string>()
  #journal: WriteJournal | null = null
  #sequence: number

  constructor(
    options: PartitionedFileOptions,
    { clock }: Pick<EndpointEnvironment, 'clock'>,
    memory: SinkMemory,
  ) {
    this.#options = options
    this.#sequence = memory === null ? 0 : decodeMemory(memory, options.path.source)
    const { folder, rotate } = options
    const lastNumber = (name: string) => this.#numbers.get(name) ?? 0
    this.#files = new WrittenFiles({ folder, rotate, clock, lastNumber })
  }

  async begin(): Promise<SinkMemory> {
    const { folder, id } = journalOf(this.#options)
    this.#journal ??= await WriteJournal.open(folder, id)
    for (const file of await readCreated(folder, id)) this.#noteCreated(file)
    const last = await this.#journal.lastIntent()
    if (last !== null && last.sequence > this.#sequence) {
      for (const [path, length] of last.files) await cutBack(path, length)
    }
    return { sequence: this.#sequence }
  }

  async write(batch: RecordBatch): Promise<SinkReceipt> {
    const journal = this.#journal
    invariant(journal !== null, 'a sink begins before it writes')
    const { shares, failures } = this.#share(batch)
    const sequence = this.#sequence + 1
    const written: { to: WrittenFile; from: number; bytes: Buffer }[] = []
    const created: CreatedFile[] = []
    for (const { name, chunks } of shares) {
      const to = await this.#files.fileFor(name)
      const from = to.file.length
      if (!this.#created.has(to.path))
        created.push({ path: to.path, name, number: to.number, start: from })
      written.push({ to, from, bytes: this.#withHeader(from, chunks) })
    }
    if (created.length > 0) await journal.create(created)
    for (const file of created) this.#noteCreated(file)
    await journal.intend({ sequence, files: written.map(({ to, from }) => [to.path, from]) })
    await this.#append(written)
    this.#sequence = sequence
    await this.#files.closeIdle()
    return { memory: { sequence }, failures }
  }

  async close(): Promise<void> {
    await this.#files.close()
    await this.#journal?.close()
    this.#journal = null
  }

  /** All of it, or, when the disk is full, nothing. */
  async #append(
    written: readonly { to: WrittenFile; from: number; bytes: Buffer }[],
  ): Promise<void> {
    const results = await Promise.allSettled(written.map(({ to, bytes }) => to.file.append(bytes)))
    const failed = results.find((result) => result.status === 'rejected')
    if (failed === undefined) return
    for (const { to, from } of written) await to.file.takeBack(from)
    throw failed.reason
  }

  #share(batch: RecordBatch): { shares: Iterable<Share>; failures: SinkReceipt['failures'] } {
    const shares = new Map<string, Share>()
    /** Names that no file had before this batch. */
    const begun = new Set<string>()
    const failures: { index: number; code: 'RECORD_REJECTED'; message: string }[] = []
    for (let index = 0; index < batch.count; index++) {
      if (batch.isMarker(index)) continue
      try {
        const line = this.#line(batch, index)
        if (line === null) continue
        const name = this.#nameFor(batch, index, begun)
        const share = shares.get(name) ?? { name, chunks: [] }
        shares.set(name, share)
        share.chunks.push(line)
        if (this.#options.csv === null) share.chunks.push(newline)
      } catch (thrown) {
        if (!(thrown instanceof RecordFailure)) throw thrown
        failures.push({ index, code: 'RECORD_REJECTED', message: thrown.message })
      }
    }
    return { shares: shares.values(), failures }
  }

  #line(batch: RecordBatch, index: number): Uint8Array | null {
    const { csv } = this.#options
    const line = csv === null ? encodeLine(batch, index) : csv.row(batch, index)
    if (csv === null && typeof line === 'string') throw new RecordFailure('RECORD_REJECTED', line)
    if (typeof line === 'string') return Buffer.from(line)
    if (line !== null && 'problem' in line) throw new RecordFailure('RECORD_REJECTED', line.problem)
    return line
  }

  /** @throws RecordFailure */
  #nameFor(batch: RecordBatch, index: number, begun: Set<string>): string {
    const { path, maxFiles } = this.#options
    const record = this.#record
    record.moveTo(batch, index, noOrigin)
    record.value = decoded(record.valueText)
    const name = renderPath(path, record)
    if (this.#numbers.has(name) || begun.has(name)) return name
    if (this.#numbers.size + begun.size >= maxFiles) {
      const message = `it would be the first record of another file, and there are ${maxFiles} already; raise max_files if they are meant`
      throw new RecordFailure('RECORD_REJECTED', message)
    }
    begun.add(name)
    return name
  }

  #withHeader(length: number, chunks: readonly Uint8Array[]): Buffer {
    const { csv } = this.#options
    const header = csv === null || length > 0 ? [] : [Buffer.from(csv.headerLine)]
    return Buffer.concat([...header, ...chunks])
  }

  #noteCreated({ path, name, number }: CreatedFile): void {
    this.#created.add(path)
    this.#numbers.set(name, Math.max(number, this.#numbers.get(name) ?? 1))
  }
}

/** Takes back all that such a sink has ever written. @throws PipelineError CONFIG_FILE */
export async function resetPartitionedFiles(
  options: Pick<PartitionedFileOptions, 'path' | 'folder'>,
): Promise<void> {
  const { folder, id } = journalOf(options)
  for (const { path, start } of await readCreated(folder, id)) await cutBack(path, start)
  await removeJournal(folder, id)
}

function journalOf({ path, folder }: Pick<PartitionedFileOptions, 'path' | 'folder'>): {
  folder: string
  id: string
} {
  const id = hash('sha256', path.source, 'hex').slice(0, 12)
  return { folder: resolve(folder, fixedFolder(path.source)), id }
}

/** @throws RecordFailure where there are no fields that a path could name. */
function decoded(text: string | null): StepRecord['value'] {
  try {
    return text === null ? null : decodeJson(text)
  } catch (thrown) {
    throw new RecordFailure('RECORD_REJECTED', `the value is no JSON: ${messageOf(thrown)}`)
  }
}

/** @throws PipelineError LOG_VERSION */
function decodeMemory(memory: SinkMemory, path: string): number {
  const parsed = memorySchema.safeParse(memory)
  if (parsed.success) return parsed.data.sequence
  throw new PipelineError(
    'LOG_VERSION',
    `writing ${path}: what was stored about the files cannot be understood; run with --fresh to write them again`,
  )
}
