import { endOfStream, type ByteStream } from '../../../src/endpoints/reading/byte-stream.ts'
import {
  RecordCutter,
  startPlace,
  type CutterPlace,
} from '../../../src/endpoints/reading/record-cutter.ts'
import type { Splitter } from '../../../src/endpoints/formats/splitter.ts'

/** Gives bytes in chunks of the given sizes, over and over. */
export class ChunkedStream implements ByteStream {
  readonly #bytes: Uint8Array
  readonly #sizes: readonly number[]
  #at: number
  #reads = 0

  constructor(bytes: Uint8Array, sizes: readonly number[], from = 0) {
    this.#bytes = bytes
    this.#sizes = sizes
    this.#at = from
  }

  read(into: Buffer, at: number): Promise<number> {
    const size = this.#sizes[this.#reads++ % this.#sizes.length] ?? 1
    const chunk = this.#bytes.subarray(this.#at, this.#at + Math.min(size, into.length - at))
    into.set(chunk, at)
    this.#at += chunk.length
    return Promise.resolve(chunk.length === 0 ? endOfStream : chunk.length)
  }

  isReady(): boolean {
    return true
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

export interface CutRecord {
  readonly value: string
  readonly line: number
  readonly failure: string | null
  /** The place behind the record. */
  readonly place: CutterPlace
}

/** All records of `bytes`, read in chunks of the given sizes. */
export async function cutAll(
  splitter: Splitter,
  bytes: Uint8Array,
  options: { sizes?: readonly number[]; maxRecord?: number; place?: CutterPlace } = {},
): Promise<CutRecord[]> {
  const { sizes = [7], maxRecord = 1_000_000, place = startPlace } = options
  const chunkBytes = Math.max(...sizes)
  const settings = { name: 'test', maxRecord, chunkBytes, skipsByteOrderMark: true }
  const cutter = new RecordCutter(splitter, settings, place)
  const stream = new ChunkedStream(bytes, sizes, place.offset)
  const { signal } = new AbortController()
  const records: CutRecord[] = []
  for (;;) {
    const outcome = cutter.look()
    if (outcome === 'end') return records
    if (outcome === 'more') await cutter.window.readFrom(stream, signal)
    else {
      const { value, line, failure } = cutter
      cutter.consume()
      records.push({
        value: typeof value === 'string' ? value : Buffer.from(value).toString('latin1'),
        line,
        failure: failure === null ? null : `${failure.code} ${failure.message}`,
        place: cutter.place,
      })
    }
  }
}
