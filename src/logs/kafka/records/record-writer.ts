import { invariant } from '../../../core/errors.ts'
import { flag, type BatchLayout, type RecordBatch } from '../../../core/record-batch.ts'
import { HeaderWriter } from './header-writer.ts'
import { kafkaTimestamp } from './record-timestamp.ts'
import { TimingWriter } from './timing-writer.ts'
import type { VarintWriter } from './varint-writer.ts'
import { varintBytes, varlongBytes } from './varint.ts'

/** Writes records of one batch in Kafka's format, each where it is moved to: no object per record. */
export class RecordWriter {
  readonly layout: BatchLayout
  readonly #batch: RecordBatch
  readonly #timing: TimingWriter | null
  readonly #headers: HeaderWriter
  #baseIndex = 0
  #baseTimestamp = 0
  #index = 0
  #bodyBytes = 0
  #timestampDelta = 0
  #start = 0
  #keyEnd = 0
  #valueEnd = 0
  #keyLength = 0
  #valueLength = 0
  #headerCount = 0

  constructor(batch: RecordBatch, timing: boolean) {
    this.#batch = batch
    this.layout = batch.layout
    this.#timing = timing ? new TimingWriter(batch) : null
    this.#headers = new HeaderWriter(this.layout.data)
  }

  /** The first record of a Kafka batch, on which the numbers of all others build. */
  startAt(index: number): void {
    this.#baseIndex = index
    this.#baseTimestamp = kafkaTimestamp(this.#batch.timestampMs[index]!)
  }

  /** Returns the bytes of the record. */
  moveTo(index: number): number {
    const { keyEnd, valueEnd, headersEnd, flags } = this.layout
    const flagBits = flags[index]!
    this.#index = index
    this.#start = index === 0 ? 0 : headersEnd[index - 1]!
    this.#keyEnd = keyEnd[index]!
    this.#valueEnd = valueEnd[index]!
    this.#keyLength = (flagBits & flag.nullKey) === 0 ? this.#keyEnd - this.#start : -1
    this.#valueLength = (flagBits & flag.nullValue) === 0 ? this.#valueEnd - this.#keyEnd : -1
    this.#timestampDelta = kafkaTimestamp(this.#batch.timestampMs[index]!) - this.#baseTimestamp
    let headerBytes = this.#headers.moveTo(this.#valueEnd, headersEnd[index]!)
    this.#headerCount = this.#headers.count
    if (this.#timing !== null) {
      headerBytes += this.#timing.moveTo(index)
      this.#headerCount += 1
    } else invariant((flagBits & flag.marker) === 0, 'a marker has the timing header')
    this.#bodyBytes =
      1 +
      varlongBytes(this.#timestampDelta) +
      varintBytes(index - this.#baseIndex) +
      varintBytes(this.#keyLength) +
      varintBytes(this.#valueLength) +
      varintBytes(this.#headerCount) +
      (this.#valueEnd - this.#start) +
      headerBytes
    return varintBytes(this.#bodyBytes) + this.#bodyBytes
  }

  write(to: VarintWriter): void {
    const { data } = this.layout
    to.varint(this.#bodyBytes)
    to.byte(0)
    to.varlong(this.#timestampDelta)
    to.varint(this.#index - this.#baseIndex)
    to.varint(this.#keyLength)
    to.copy(data, this.#start, this.#keyEnd)
    to.varint(this.#valueLength)
    to.copy(data, this.#keyEnd, this.#valueEnd)
    to.varint(this.#headerCount)
    // In front, where the reader looks first.
    this.#timing?.write(to)
    if (this.#headers.count > 0) this.#headers.write(to)
  }
}
