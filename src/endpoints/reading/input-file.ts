import { open, stat, type FileHandle } from 'node:fs/promises'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import { openError } from '../file-error.ts'
import {
  formatOf,
  makeCsvSplitter,
  makeSplitter,
  type CsvOptions,
  type InputFormat,
} from '../formats/input-format.ts'
import type { Splitter } from '../formats/splitter.ts'
import type { ByteStream } from './byte-stream.ts'
import {
  decodePosition,
  encodePosition,
  hashHead,
  isOther,
  placeToBegin,
  readHead,
  type FileIdentity,
} from './file-position.ts'
import { GzipFileStream } from './gzip-file-stream.ts'
import { requireRegularFile } from './input-files.ts'
import { PlainFileStream } from './plain-file-stream.ts'
import { RecordCutter, startPlace, type CutterPlace, type CutterSettings } from './record-cutter.ts'

export interface InputFileSettings {
  /** Absent: by the file's name. */
  readonly format?: InputFormat | undefined
  readonly compression: 'auto' | 'none' | 'gzip'
  readonly maxDecompressed: number
  readonly maxRecord: number
  readonly chunkBytes: number
  readonly csv: CsvOptions
  /** Of text: whether a line begins a record; null: each does. */
  readonly begins: ((line: string) => boolean) | null
}

/** A file that is being read. */
export interface InputFile {
  readonly path: string
  readonly cutter: RecordCutter
  readonly stream: ByteStream
  position(): JsonObject
}

/**
 * Opens a file where an earlier run stopped.
 * @param stored what `position` gave then.
 * @param notice told when the file is another one than the stored position speaks of.
 * @returns null when nothing is left to read.
 * @throws PipelineError CONFIG_FILE, FILE_FAILED
 */
export async function openInputFile(
  path: string,
  settings: InputFileSettings,
  earlier: {
    stored: JsonValue | undefined
    notice: (message: string) => void
    signal: AbortSignal
  },
): Promise<InputFile | null> {
  const { stored, notice, signal } = earlier
  const position = stored === undefined ? null : decodePosition(stored, path)
  const handle = await openRegular(path)
  let isKept = false
  try {
    const { size } = await handle.stat()
    const head = await readHead(handle)
    if (position !== null && isOther(position, { size, head })) {
      notice(`${path} is not the file it was; it is read from its beginning`)
    }
    const place = placeToBegin(position, { size, head })
    if (place === null) return null
    const isCompressed = isGzip(head, settings.compression)
    const identity: FileIdentity = { size, isCompressed, head: hashHead(head) }
    const header = await readHeader(path, settings, { isCompressed, place, signal })
    const { cutter } = makeCutter(path, settings, { place, header })
    isKept = true
    return {
      path,
      cutter,
      stream: streamOf(handle, path, { settings, isCompressed, offset: place.offset }),
      position: () => encodePosition(identity, cutter.place),
    }
  } catch (thrown) {
    throw openError('reading', path, thrown)
  } finally {
    if (!isKept) await handle.close()
  }
}

export async function openRegular(path: string): Promise<FileHandle> {
  try {
    // Before opening: to open a named pipe would wait for its writer.
    requireRegularFile(await stat(path), path)
    return await open(path, 'r')
  } catch (thrown) {
    throw openError('reading', path, thrown)
  }
}

export function isGzip(head: Uint8Array, compression: InputFileSettings['compression']): boolean {
  if (compression !== 'auto') return compression === 'gzip'
  return head[0] === 0x1f && head[1] === 0x8b && head[2] === 8
}

export function makeCutter(
  path: string,
  settings: InputFileSettings,
  from: { place: CutterPlace; header: readonly string[] | null },
): { cutter: RecordCutter; splitter: Splitter } {
  const format = settings.format ?? formatOf(path)
  const { csv, maxRecord, begins } = settings
  const { place, header } = from
  const { state } = place
  const splitter = makeSplitter({ format, csv, header, maxRecord, begins, path, state })
  return { cutter: new RecordCutter(splitter, cutterSettings(path, settings), place), splitter }
}

function cutterSettings(path: string, settings: InputFileSettings): CutterSettings {
  const { maxRecord, chunkBytes } = settings
  const skipsByteOrderMark = (settings.format ?? formatOf(path)) !== 'bytes'
  return { name: path, maxRecord, chunkBytes, skipsByteOrderMark }
}

function streamOf(
  handle: FileHandle,
  path: string,
  from: { settings: InputFileSettings; isCompressed: boolean; offset: number },
): ByteStream {
  const { settings, isCompressed, offset } = from
  if (!isCompressed) return new PlainFileStream(handle, path, offset)
  return new GzipFileStream(handle, path, { position: offset, maxBytes: settings.maxDecompressed })
}

/** The header of a csv file that is not read from its beginning. */
export async function readHeader(
  path: string,
  settings: InputFileSettings,
  from: { isCompressed: boolean; place: CutterPlace; signal: AbortSignal },
): Promise<readonly string[] | null> {
  const { csv, maxRecord } = settings
  const isCsv = (settings.format ?? formatOf(path)) === 'csv'
  if (!isCsv || !csv.header || from.place.offset === 0) return null
  const splitter = makeCsvSplitter({ csv, header: null, maxRecord, path })
  const cutter = new RecordCutter(splitter, cutterSettings(path, settings), startPlace)
  const { isCompressed, signal } = from
  const stream = streamOf(await openRegular(path), path, { settings, isCompressed, offset: 0 })
  try {
    while (cutter.look() === 'more') if (!(await cutter.window.readFrom(stream, signal))) break
    return splitter.columns
  } finally {
    await stream.close()
  }
}
