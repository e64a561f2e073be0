import {
  flag,
  nullHeaderLength,
  uncountedHeaders,
  type RecordBatch,
} from '../../../core/record-batch.ts'
import { BatchColumns, columnsBytes } from './batch-columns.ts'
import { minRecordBytes } from './batch-format.ts'
import type { BatchHeader } from './batch-header.ts'
import { corrupt, tooLarge } from './malformed-records.ts'
import { recordTimestamp } from './record-timestamp.ts'
import { maxUs } from './timing-format.ts'
import { TimingReader } from './timing-reader.ts'
import { VarintReader } from './varint-reader.ts'
import { WriterRuns } from './writer-runs.ts'

/** Longer names are cut. Even if none of it is UTF-8, it can be written again: a byte becomes three. */
const maxHeaderNameBytes = 16 * 1024 - 1
/** A header of nothing: the lengths of its name and value. */
const minHeaderBytes = 2
/** So much more than in Kafka's format a header takes in core's, at most: 6 bytes of lengths, not 2. */
const headerGrowth = 3
/** What stands before the headers of a record in core's format. */
const headerCountBytes = 2
/** Below this a loop is faster than the call that copies. */
const shortBytes = 32

/** Records of one writer out of a Kafka batch. */
export interface ReadRecords {
  /** Of the first record, as its batch counts. */
  readonly firstDelta: number
  readonly lastDelta: number
  readonly batch: RecordBatch
}

/**
 * Reads the records of one Kafka batch into core's columns. The bytes may say anything: every length
 * is checked against what is there before it is used.
 */
export class RecordsReader {
  readonly #header: BatchHeader
  readonly #section: Buffer
  readonly #maxBytes: number
  readonly #cursor: VarintReader
  readonly #timing: TimingReader
  readonly #runs: WriterRuns
  readonly #out: BatchColumns
  #lastDelta = -1

  /**
   * @param section the batch's records, decompressed.
   * @param maxBytes of the core batch.
   */
  constructor(header: BatchHeader, section: Buffer, maxBytes: number) {
    const { recordCount } = header
    if (recordCount * minRecordBytes > section.length)
      throw corrupt(`it says to have ${recordCount} records in ${section.length} bytes`)
    if (columnsBytes(recordCount) + section.length > maxBytes) throw tooLarge(maxBytes)
    this.#header = header
    this.#section = section
    this.#maxBytes = maxBytes
    this.#cursor = new VarintReader(section)
    this.#timing = new TimingReader(section)
    this.#runs = new WriterRuns(section)
    this.#out = new BatchColumns(recordCount, section.length)
  }

  /** @throws MalformedRecords */
  read(): ReadRecords[] {
    const out = this.#out
    for (let index = 0; index < out.count; index++) this.#record(index)
    if (this.#cursor.at !== this.#section.length)
      throw corrupt(`${this.#section.length - this.#cursor.at} bytes follow its last record`)
    const { runs } = this.#runs
    return runs.map(({ from, writer }, run) => {
      const to = runs[run + 1]?.from ?? out.count
      const { offsetDelta } = out.columns
      return {
        firstDelta: offsetDelta[from]!,
        lastDelta: offsetDelta[to - 1]!,
        batch: (runs.length === 1 ? out : out.slice(from, to)).toBatch(writer),
      }
    })
  }

  #record(index: number): void {
    const cursor = this.#cursor
    const size = cursor.varint()
    const end = cursor.at + size
    if (size < minRecordBytes - 1 || end > this.#section.length)
      throw corrupt(`record ${index} has a length of ${size} bytes`)
    // The attributes of a record have no meaning yet.
    cursor.at += 1
    const timestampDelta = cursor.varlong()
    const offsetDelta = cursor.varint()
    if (offsetDelta <= this.#lastDelta || offsetDelta > this.#header.lastOffsetDelta)
      throw corrupt(`record ${index} has an offset delta of ${offsetDelta}`)
    this.#lastDelta = offsetDelta
    const { columns } = this.#out
    columns.offsetDelta[index] = offsetDelta
    let flags = this.#copyPart(index, end) ? flag.nullKey : 0
    columns.keyEnd[index] = this.#out.dataEnd
    if (this.#copyPart(index, end)) flags |= flag.nullValue
    columns.valueEnd[index] = this.#out.dataEnd
    const isOurs = this.#headers(index, end)
    if (cursor.at !== end) throw corrupt(`record ${index} is not as long as it says`)
    this.#setTimes(index, timestampDelta, isOurs)
    // Other columns than above, where headers have taken more room than there was.
    this.#out.columns.headersEnd[index] = this.#out.dataEnd
    this.#out.columns.flags[index] = isOurs && this.#timing.isMarker ? flags | flag.marker : flags
  }

  /** A key or a value; true when it is null. */
  #copyPart(index: number, end: number): boolean {
    const cursor = this.#cursor
    const size = cursor.varint()
    if (size < -1 || size > end - cursor.at)
      throw corrupt(`record ${index} has a key or value of ${size} bytes`)
    if (size <= 0) return size < 0
    this.#copy(cursor.at, size)
    cursor.at += size
    return false
  }

  #copy(start: number, size: number): void {
    const section = this.#section
    const { data, dataEnd } = this.#out
    if (size < shortBytes) {
      for (let at = 0; at < size; at++) data[dataEnd + at] = section[start + at]!
    } else section.copy(data, dataEnd, start, start + size)
    this.#out.dataEnd = dataEnd + size
  }

  /** Copies all headers but the timing header; whether there is one that can be read. */
  #headers(index: number, end: number): boolean {
    const cursor = this.#cursor
    const count = cursor.varint()
    if (count < 0 || count * minHeaderBytes > end - cursor.at)
      throw corrupt(`record ${index} says to have ${count} headers`)
    const start = this.#out.dataEnd
    let isOurs = false
    let kept = 0
    for (let header = 0; header < count; header++) {
      const nameSize = cursor.varint()
      const nameStart = cursor.at
      if (nameSize < 0 || nameSize > end - nameStart)
        throw corrupt(`record ${index} has a header name of ${nameSize} bytes`)
      cursor.at += nameSize
      const size = cursor.varint()
      if (size < -1 || size > end - cursor.at)
        throw corrupt(`record ${index} has a header of ${size} bytes`)
      const valueEnd = cursor.at + Math.max(size, 0)
      if (this.#timing.isName(nameStart, nameSize))
        isOurs ||= this.#timing.read(cursor.at, valueEnd)
      else {
        if (kept === 0) this.#reserve(nameStart, end)
        this.#keep(nameStart, nameSize, size)
        kept += 1
      }
      cursor.at = valueEnd
    }
    if (kept > 0) this.#out.data.writeUInt16LE(Math.min(kept, uncountedHeaders), start)
    return isOurs
  }

  /** Finds room for all that can come: the headers of this record, and everything behind them. */
  #reserve(headersStart: number, end: number): void {
    const rest = this.#section.length - end
    const most = headerCountBytes + headerGrowth * (end - headersStart) + rest
    this.#out.reserve(most, this.#maxBytes)
    this.#out.dataEnd += headerCountBytes
  }

  /** One header, whose value begins where the cursor is. */
  #keep(nameStart: number, nameSize: number, size: number): void {
    const out = this.#out
    const nameBytes = Math.min(nameSize, maxHeaderNameBytes)
    out.data.writeUInt16LE(nameBytes, out.dataEnd)
    out.dataEnd += 2
    this.#copy(nameStart, nameBytes)
    out.data.writeUInt32LE(size < 0 ? nullHeaderLength : size, out.dataEnd)
    out.dataEnd += 4
    if (size > 0) this.#copy(this.#cursor.at, size)
  }

  #setTimes(index: number, timestampDelta: number, isOurs: boolean): void {
    const header = this.#header
    const timing = this.#timing
    const { columns } = this.#out
    const timestampMs = recordTimestamp(
      header.isLogAppendTime ? header.maxTimestamp : header.baseTimestamp + timestampDelta,
    )
    columns.timestampMs[index] = timestampMs
    columns.eventTimeMs[index] = isOurs ? timing.eventTimeMs : Number.NaN
    columns.ingestUs[index] = isOurs ? timing.ingestUs : Math.min(timestampMs * 1_000, maxUs)
    columns.waitUs[index] = isOurs ? timing.waitUs : 0
    columns.runUs[index] = isOurs ? timing.runUs : 0
    if (isOurs) this.#runs.add(index, timing.writerStart, timing.writerEnd)
    else this.#runs.add(index, 0, 0)
  }
}
