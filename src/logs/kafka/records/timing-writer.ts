import { invariant } from '../../../core/errors.ts'
import { flag, type RecordBatch } from '../../../core/record-batch.ts'
import {
  eventTime,
  exactBytes,
  fixedBytes,
  head,
  maxSpan,
  maxUs,
  maxWriterBytes,
  timingHeaderName,
  timingVersion,
} from './timing-format.ts'
import type { VarintWriter } from './varint-writer.ts'
import { varintBytes, varlongBytes } from './varint.ts'

const name = Buffer.from(timingHeaderName)
/** Name length and name: a name of 15 bytes has a length of one. */
const prefix = Buffer.concat([Buffer.from([2 * name.length]), name])

/** Writes the timing of a batch's records, one after the other: no object per record. */
export class TimingWriter {
  readonly #batch: RecordBatch
  readonly #flags: Uint32Array
  readonly #writer: Buffer
  readonly #exact = Buffer.allocUnsafe(exactBytes)
  #head: number = eventTime.none
  #ingestUs = 0
  #sinceIngestMs = 0
  #waitUs = 0
  #runUs = 0
  #valueBytes = 0

  constructor(batch: RecordBatch) {
    this.#batch = batch
    this.#flags = batch.layout.flags
    this.#writer = Buffer.from(batch.writer)
    invariant(this.#writer.length <= maxWriterBytes, 'the id of a writing task is short')
  }

  /** Bytes of the whole header. */
  moveTo(index: number): number {
    const batch = this.#batch
    const ingestUs = batch.ingestUs[index]!
    const readyUs = ingestUs + batch.waitUs[index]!
    // Ends are rounded, not spans, so that no error adds up from stage to stage.
    const ingest = ingestUs >= 0 && ingestUs <= maxUs ? Math.round(ingestUs) : 0
    const wait = span(Math.round(readyUs) - ingest)
    const run = span(Math.round(readyUs + batch.runUs[index]!) - ingest - wait)
    this.#ingestUs = ingest
    this.#waitUs = wait
    this.#runUs = run
    let size = fixedBytes + varlongBytes(wait) + varlongBytes(run) + this.#writer.length
    size += this.#setEventTime(batch.eventTimeMs[index]!)
    this.#head |= timingVersion | ((this.#flags[index]! & flag.marker) === 0 ? 0 : head.marker)
    this.#valueBytes = size
    return prefix.length + varintBytes(size) + size
  }

  write(to: VarintWriter): void {
    to.copy(prefix, 0, prefix.length)
    to.varint(this.#valueBytes)
    const { bytes, at } = to
    const low = this.#ingestUs >>> 0
    const high = Math.floor(this.#ingestUs / 2 ** 32)
    bytes[at] = this.#head
    bytes[at + 1] = low
    bytes[at + 2] = low >>> 8
    bytes[at + 3] = low >>> 16
    bytes[at + 4] = low >>> 24
    bytes[at + 5] = high
    bytes[at + 6] = high >>> 8
    bytes[at + 7] = high >>> 16
    to.at = at + fixedBytes
    const kind = this.#head & head.eventTime
    if (kind === eventTime.whole) to.varlong(this.#sinceIngestMs)
    else if (kind === eventTime.exact) to.copy(this.#exact, 0, exactBytes)
    to.varlong(this.#waitUs)
    to.varlong(this.#runUs)
    to.copy(this.#writer, 0, this.#writer.length)
  }

  /** Returns the bytes it takes. */
  #setEventTime(eventTimeMs: number): number {
    const since = eventTimeMs - Math.floor(this.#ingestUs / 1_000)
    if (Number.isInteger(eventTimeMs) && span(since) === since) {
      this.#head = eventTime.whole
      this.#sinceIngestMs = since
      return varlongBytes(since)
    }
    this.#head = Number.isNaN(eventTimeMs) ? eventTime.none : eventTime.exact
    if (this.#head === eventTime.none) return 0
    this.#exact.writeDoubleLE(eventTimeMs)
    return exactBytes
  }
}

/** 0 for a span that says nothing, such as one from or to a time that is not known. */
function span(us: number): number {
  return us >= -maxSpan && us <= maxSpan ? us : 0
}
