import { constants } from 'node:fs'
import { lstat, mkdir, open, rm, stat, truncate, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { messageOf, PipelineError } from '../../core/errors.ts'
import { errnoOf, openError } from '../file-error.ts'
import { newlineByte } from '../formats/splitter.ts'
import { kindOf } from '../reading/input-files.ts'

/** What is used of an open file. */
export type OutputHandle = Pick<FileHandle, 'write' | 'datasync' | 'truncate' | 'close'>

/**
 * Opens a file to go on behind its recorded length; what a killed run wrote behind it is cut off.
 * @param recorded as last committed; null at the first start.
 * @throws PipelineError CONFIG_FILE, FILE_FAILED, DISK_FULL
 */
export async function openOutputFile(
  path: string,
  from: { recorded: number | null; mode: 'append' | 'overwrite' },
): Promise<OutputFile> {
  let handle: FileHandle | null = null
  try {
    await mkdir(dirname(path), { recursive: true })
    await requireWritableKind(path)
    handle = await open(path, constants.O_RDWR | constants.O_CREAT)
    const { size } = await handle.stat()
    const length = startLength(path, size, from)
    if (length < size) await handle.truncate(length)
    await syncFolder(dirname(path))
    const prefix = length > 0 ? await missingNewline(handle, length) : ''
    return new OutputFile(handle, path, { length, prefix })
  } catch (thrown) {
    await handle?.close()
    throw isFull(thrown) ? fullError(path, thrown) : openError('writing', path, thrown)
  }
}

/** A file of which only what is behind the given length is ever written. */
export class OutputFile {
  readonly #handle: OutputHandle
  readonly #path: string
  #length: number
  /** Comes before the first bytes. */
  #prefix: string
  /** After an error of the disk nobody knows what it holds: nothing more is written. */
  #error: PipelineError | null = null

  constructor(handle: OutputHandle, path: string, start: { length: number; prefix: string }) {
    this.#handle = handle
    this.#path = path
    this.#length = start.length
    this.#prefix = start.prefix
  }

  get length(): number {
    return this.#length
  }

  /**
   * Appends the bytes and waits until the disk has them.
   * @returns the new length.
   * @throws PipelineError DISK_FULL (the file is as before), FILE_FAILED
   */
  async append(added: Uint8Array): Promise<number> {
    if (this.#error !== null) throw this.#error
    const bytes = this.#prefix === '' ? added : Buffer.concat([Buffer.from(this.#prefix), added])
    try {
      let written = 0
      while (written < bytes.length) {
        const left = bytes.length - written
        const at = this.#length + written
        const { bytesWritten } = await this.#handle.write(bytes, written, left, at)
        if (bytesWritten === 0) throw new Error('the disk took no bytes')
        written += bytesWritten
      }
      await this.#handle.datasync()
    } catch (thrown) {
      throw await this.#undo(thrown)
    }
    this.#prefix = ''
    this.#length += bytes.length
    return this.#length
  }

  /**
   * Cuts off what was appended since the file had that length.
   * @throws PipelineError FILE_FAILED
   */
  async takeBack(length: number): Promise<void> {
    if (length === this.#length || this.#error !== null) return
    try {
      await this.#handle.truncate(length)
      this.#length = length
    } catch (thrown) {
      throw this.#fail(thrown)
    }
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }

  #fail(thrown: unknown): PipelineError {
    const message = `writing ${this.#path}: ${messageOf(thrown)}; check the disk, then run again: what is not complete is written again`
    this.#error = new PipelineError('FILE_FAILED', message, { cause: thrown })
    return this.#error
  }

  async #undo(thrown: unknown): Promise<PipelineError> {
    try {
      await this.#handle.truncate(this.#length)
      if (isFull(thrown)) return fullError(this.#path, thrown)
    } catch {
      // The error that led here says more than that of the truncation.
    }
    return this.#fail(thrown)
  }
}

/**
 * Takes back what was written behind the first `start` bytes. A file of which nothing else is left is
 * removed; a link stays, and devices are left alone.
 * @throws PipelineError CONFIG_FILE
 */
export async function cutBack(path: string, start: number): Promise<void> {
  try {
    const stats = await stat(path)
    if (!stats.isFile()) return
    if (start === 0 && (await lstat(path)).isFile()) await rm(path)
    else if (stats.size > start) await truncate(path, start)
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return
    throw new PipelineError(
      'CONFIG_FILE',
      `removing what was written to ${path}: ${messageOf(thrown)}; remove it yourself, or change its permissions`,
      { cause: thrown },
    )
  }
}

/** The length from which on this pipeline writes. */
function startLength(
  path: string,
  size: number,
  from: { recorded: number | null; mode: 'append' | 'overwrite' },
): number {
  const { recorded, mode } = from
  if (recorded === null) return mode === 'overwrite' ? 0 : size
  if (size >= recorded) return recorded
  const message = `writing ${path}: it has ${size} bytes, but the pipeline wrote it up to ${recorded}; put the file back, or run with --fresh to write it again`
  throw new PipelineError('FILE_FAILED', message)
}

/** What another program wrote may end without a newline: our first line must not go on its last one. */
async function missingNewline(handle: FileHandle, length: number): Promise<string> {
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(1), 0, 1, length - 1)
  return bytesRead === 1 && buffer[0] !== newlineByte ? '\n' : ''
}

async function requireWritableKind(path: string): Promise<void> {
  let stats
  try {
    stats = await stat(path)
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return
    throw thrown
  }
  if (stats.isFile()) return
  const hint = stats.isDirectory() ? 'name a file in it' : 'use the sink stdout, or drop'
  throw new PipelineError(
    'CONFIG_FILE',
    `writing ${path}: it is ${kindOf(stats)}, no regular file; ${hint}`,
  )
}

/** A new file survives a power cut only when its folder is on the disk too. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function isFull(thrown: unknown): boolean {
  const code = errnoOf(thrown)
  return code === 'ENOSPC' || code === 'EDQUOT'
}

function fullError(path: string, thrown: unknown): PipelineError {
  const message = `writing ${path}: no room is left on the disk; make room, writing then goes on by itself`
  return new PipelineError('DISK_FULL', message, { cause: thrown })
}
