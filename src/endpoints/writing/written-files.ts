import { stat } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import { errnoOf, openError } from '../file-error.ts'
import { openOutputFile, type OutputFile } from './output-file.ts'

export interface RotateRule {
  /** A file that is as large is followed by the next one; null: however large. */
  readonly bytes: number | null
  /** The same of its age, ms. */
  readonly ageMs: number | null
}

/** A file that is open, with what decides when the next one takes over. */
export interface WrittenFile {
  readonly path: string
  readonly file: OutputFile
  readonly number: number
  readonly bornMs: number
}

/** So many are held open at once. */
const maxOpen = 256
const numberDigits = 6

/** The files that a sink appends to, by the path that records name; rotated ones have a number in their name. */
export class WrittenFiles {
  readonly #folder: string
  readonly #rotate: RotateRule | null
  readonly #clock: Clock
  readonly #lastNumber: (path: string) => number
  /** In the order of their last use. */
  readonly #open = new Map<string, WrittenFile>()

  /** @param of.lastNumber of the files that were ever written for a path; 0: none. */
  constructor(of: {
    folder: string
    rotate: RotateRule | null
    clock: Clock
    lastNumber: (path: string) => number
  }) {
    this.#folder = of.folder
    this.#rotate = of.rotate
    this.#clock = of.clock
    this.#lastNumber = of.lastNumber
  }

  /**
   * The file to append to.
   * @param path relative to the folder.
   * @throws PipelineError CONFIG_FILE, FILE_FAILED, DISK_FULL
   */
  async fileFor(path: string): Promise<WrittenFile> {
    const open = this.#open.get(path)
    this.#open.delete(path)
    if (open !== undefined && !this.#isFull(open)) return this.#keep(path, open)
    await open?.file.close()
    let number = open === undefined ? await this.#numberFor(path) : open.number + 1
    for (;;) {
      const written = await this.#openFile(path, number)
      if (!this.#isFull(written)) return this.#keep(path, written)
      await written.file.close()
      number += 1
    }
  }

  /** Closes those that were not used for longest. */
  async closeIdle(): Promise<void> {
    for (const [path, { file }] of this.#open) {
      if (this.#open.size <= maxOpen) return
      this.#open.delete(path)
      await file.close()
    }
  }

  async close(): Promise<void> {
    for (const { file } of this.#open.values()) await file.close()
    this.#open.clear()
  }

  /** A file that somebody took away is not begun again: its name has been used. */
  async #numberFor(path: string): Promise<number> {
    const last = this.#lastNumber(path)
    if (last === 0) return 1
    return (await birthOf(this.#nameOf(path, last))) === null ? last + 1 : last
  }

  #keep(path: string, written: WrittenFile): WrittenFile {
    this.#open.set(path, written)
    return written
  }

  #isFull({ file, bornMs }: WrittenFile): boolean {
    const { bytes = null, ageMs = null } = this.#rotate ?? {}
    if (file.length === 0) return false
    if (bytes !== null && file.length >= bytes) return true
    return ageMs !== null && this.#clock.wallMs() - bornMs >= ageMs
  }

  async #openFile(path: string, number: number): Promise<WrittenFile> {
    const absolute = this.#nameOf(path, number)
    const born = await birthOf(absolute)
    const file = await openOutputFile(absolute, { recorded: null, mode: 'append' })
    const bornMs = file.length === 0 ? this.#clock.wallMs() : (born ?? this.#clock.wallMs())
    return { path: absolute, file, number, bornMs }
  }

  #nameOf(path: string, number: number): string {
    const absolute = resolve(this.#folder, path)
    if (this.#rotate === null) return absolute
    const extension = extname(absolute)
    const stem = extension === '' ? absolute : absolute.slice(0, -extension.length)
    return `${stem}-${String(number).padStart(numberDigits, '0')}${extension}`
  }
}

/** Epoch ms; null: there is no such file. */
async function birthOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).birthtimeMs
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return null
    throw openError('writing', path, thrown)
  }
}
