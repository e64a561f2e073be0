import { hash } from 'node:crypto'
import type { Stats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { JsonObject } from '../../core/json.ts'
import { openError } from '../file-error.ts'
import { MultilineSplitter } from '../formats/multiline-splitter.ts'
import type { Splitter } from '../formats/splitter.ts'
import {
  encodePosition,
  hashHead,
  headBytes,
  isOther,
  placeOf,
  readHead,
  type FileIdentity,
  type FilePosition,
} from './file-position.ts'
import { FollowedStream } from './followed-stream.ts'
import {
  isGzip,
  makeCutter,
  openRegular,
  readHeader,
  type InputFileSettings,
} from './input-file.ts'
import { startPlace, type CutterPlace, type RecordCutter } from './record-cutter.ts'
import { collectRecords, type SliceCollector } from './slice-collector.ts'

export interface FollowOptions {
  /** As last committed; null: it is new. */
  readonly stored: FilePosition | null
  /** Of a new one: whether to begin behind its last whole line. */
  readonly fromEnd: boolean
  readonly signal: AbortSignal
}

/** A file that somebody else writes: what there is of it is read, again and again. */
export class FollowedFile {
  /** Changes when the file is renamed. */
  path: string
  /** The name of its position: a file that is renamed keeps it. */
  readonly split: string
  /** Since when no path leads to it, monotonic µs; null: one does. */
  leftUs: number | null = null
  readonly #handle: FileHandle
  readonly #stream: FollowedStream
  readonly #cutter: RecordCutter
  readonly #splitter: Splitter
  #identity: FileIdentity
  #grewUs: number

  private constructor(
    path: string,
    of: { stats: Stats; handle: FileHandle; head: Buffer; nowUs: number },
    from: { cutter: RecordCutter; splitter: Splitter; place: CutterPlace },
  ) {
    this.path = path
    this.split = splitOfInode(of.stats)
    this.#handle = of.handle
    this.#stream = new FollowedStream(of.handle, path, from.place.offset)
    this.#stream.grew(of.stats.size)
    this.#cutter = from.cutter
    this.#splitter = from.splitter
    this.#identity = { size: of.stats.size, isCompressed: false, head: hashHead(of.head) }
    this.#grewUs = of.nowUs
  }

  /**
   * @returns null when it is compressed: such a file is written once, and not followed.
   * @throws PipelineError CONFIG_FILE, FILE_FAILED
   */
  static async open(
    path: string,
    settings: InputFileSettings,
    options: FollowOptions & { readonly nowUs: number },
  ): Promise<FollowedFile | null> {
    const handle = await openRegular(path)
    let isKept = false
    try {
      const stats = await handle.stat()
      const head = await readHead(handle)
      if (isGzip(head, settings.compression)) return null
      const place = await placeToFollow(handle, { size: stats.size, head }, options)
      const { signal, nowUs } = options
      const header = await readHeader(path, settings, { isCompressed: false, place, signal })
      const cut = makeCutter(path, settings, { place, header })
      isKept = true
      return new FollowedFile(path, { stats, handle, head, nowUs }, { ...cut, place })
    } catch (thrown) {
      throw openError('reading', path, thrown)
    } finally {
      if (!isKept) await handle.close()
    }
  }

  /** Whether all that is known of it was read. */
  get isDrained(): boolean {
    return !this.#stream.isReady()
  }

  /** Whether it was cut short, as by a rotation that copies: what it is now is another file. */
  get isTruncated(): boolean {
    return this.#stream.isTruncated
  }

  /** Its last bytes were taken, and it will have no more. */
  get isOver(): boolean {
    return this.#stream.isFinal && this.#cutter.place.done
  }

  /** Whether another file is a copy that a rotation made of it, to cut it short afterwards. */
  isCopiedTo(path: string, file: { readonly size: number; readonly head: Buffer }): boolean {
    const { bytes, sha256 } = this.#identity.head
    const isNamedSo = path !== this.path && path.startsWith(this.path)
    if (!isNamedSo || bytes === 0 || file.size < this.#cutter.place.offset) return false
    return file.head.length >= bytes && hashHead(file.head.subarray(0, bytes)).sha256 === sha256
  }

  /** To be told how large it is now. */
  grew(size: number, nowUs: number): void {
    if (size > this.#stream.position) this.#grewUs = nowUs
    this.#stream.grew(size)
  }

  /** @returns for how long it has not grown, µs. */
  async refresh(nowUs: number): Promise<number> {
    const { size } = await this.#handle.stat()
    this.grew(size, nowUs)
    return nowUs - this.#grewUs
  }

  /** Whether lines that are complete make a record, whatever would come next. */
  flush(isFlushing: boolean): void {
    if (this.#splitter instanceof MultilineSplitter) this.#splitter.isFlushing = isFlushing
  }

  /** Nobody writes to it any more: what is left is taken, also a line without an end. */
  finish(): void {
    this.#stream.isFinal = true
  }

  /** @returns whether records were added. */
  async collect(collector: SliceCollector): Promise<boolean> {
    const before = collector.count
    collector.startPart(this.path)
    await collectRecords(collector, this.#cutter, this.#stream)
    return collector.count > before
  }

  /** @param lookedMs when new files were last looked for, epoch ms. */
  async position(lookedMs: number): Promise<JsonObject> {
    const { offset } = this.#cutter.place
    const known = this.#identity.head.bytes
    // It was short when it was opened: the more is known of it, the surer it is known again.
    if (known < headBytes && offset > known) {
      const head = await readHead(this.#handle)
      const { length } = head
      this.#identity = {
        ...this.#identity,
        head: hashHead(head.subarray(0, Math.min(length, offset))),
      }
    }
    const position = encodePosition({ ...this.#identity, size: offset }, this.#cutter.place)
    return { ...position, path: hashOfPath(this.path), lookedMs }
  }

  async close(): Promise<void> {
    await this.#stream.close()
  }
}

export function hashOfPath(path: string): string {
  return hash('sha256', path, 'hex')
}

/** The name of the position of a file that is followed, by what it is on its disk. */
export function splitOfInode({ dev, ino }: Pick<Stats, 'dev' | 'ino'>): string {
  return hash('sha256', `${dev}:${ino}`, 'hex')
}

async function placeToFollow(
  handle: FileHandle,
  file: { readonly size: number; readonly head: Buffer },
  { stored, fromEnd }: FollowOptions,
): Promise<CutterPlace> {
  if (stored !== null && !isOther(stored, file)) return placeOf(stored)
  return fromEnd ? { ...startPlace, offset: await lastLineEnd(handle, file.size) } : startPlace
}

/** A line that is being written is whole one day: it is not cut. */
async function lastLineEnd(handle: FileHandle, size: number): Promise<number> {
  const from = Math.max(0, size - headBytes)
  const tail = Buffer.alloc(size - from)
  const { bytesRead } = await handle.read(tail, 0, tail.length, from)
  const newline = tail.subarray(0, bytesRead).lastIndexOf(10)
  return newline < 0 ? (from === 0 ? 0 : size) : from + newline + 1
}
