import type { LogReader, SliceBatch, TopicDescription, TopicPartition } from '../core/log.ts'
import { showCount } from './show-amount.ts'
import { readBatches } from './stored-record.ts'
import { loggedRecord, type LoggedRecord } from './trace-record.ts'

/** Records lie in a partition by the time they came in only roughly: so many batches are looked at around it. */
const batchesBack = 16n
const batchesOn = 48

type Wanted = (slice: SliceBatch, index: number) => boolean

interface Range extends TopicPartition {
  readonly start: bigint
  readonly end: bigint
}

/** Looks into topics, at so many records at most, and keeps note of what it has left out. */
export class TraceSearch {
  readonly #reader: LogReader
  readonly #topics: ReadonlyMap<string, TopicDescription>
  readonly #limit: number
  #left: number
  /** Sentences about what was not looked at. */
  readonly #skipped = new Map<string, string>()

  constructor(reader: LogReader, topics: readonly TopicDescription[], limit: number) {
    this.#reader = reader
    this.#topics = new Map(topics.map((topic) => [topic.name, topic]))
    this.#limit = limit
    this.#left = limit
  }

  get looked(): number {
    return this.#limit - this.#left
  }

  get skipped(): readonly string[] {
    return [...this.#skipped.values()]
  }

  has(topic: string): boolean {
    return this.#topics.has(topic)
  }

  partitions(topic: string): readonly Range[] {
    const found = this.#topics.get(topic)
    return (found?.ranges ?? []).map(({ start, end }, partition) => ({
      topic,
      partition,
      start,
      end,
    }))
  }

  /** null where there is no such record, or not any more. */
  async at(place: TopicPartition & { readonly offset: bigint }): Promise<LoggedRecord | null> {
    const range = this.partitions(place.topic)[place.partition]
    if (range === undefined || place.offset < range.start || place.offset >= range.end) return null
    const [slice] = await this.#reader.read(place, 1)
    if (slice === undefined) return null
    const delta = Number(place.offset - slice.baseOffset)
    const index = slice.batch.offsetDelta.indexOf(delta)
    return index === -1 ? null : loggedRecord(slice, index)
  }

  /** Records that came in at that instant, of the partitions that are asked for. */
  async ofIngest(
    ingestUs: number,
    topic: string,
    of: { readonly partition?: (partition: number) => boolean; readonly writer?: string },
  ): Promise<LoggedRecord[]> {
    const found: LoggedRecord[] = []
    for (const range of this.partitions(topic)) {
      if (of.partition !== undefined && !of.partition(range.partition)) continue
      const from = await this.#offsetOf(range, ingestUs)
      await this.#around({ ...range, start: from }, ingestUs, (slice) => {
        if (of.writer !== undefined && slice.batch.writer !== of.writer) return
        const { ingestUs: column } = slice.batch
        for (let index = slice.from; index < column.length; index++) {
          if (column[index] === ingestUs && !slice.batch.isMarker(index))
            found.push(loggedRecord(slice, index))
        }
      })
    }
    return found
  }

  /** The newest records that are wanted, of each partition from its end back. */
  async newest(topics: readonly string[], isWanted: Wanted): Promise<LoggedRecord[]> {
    const found: LoggedRecord[] = []
    const ranges = topics.flatMap((topic) => this.partitions(topic))
    for (const [index, range] of ranges.entries()) {
      // What is left is shared evenly by those still to come.
      const share = BigInt(Math.max(1, Math.floor(this.#left / (ranges.length - index))))
      const from = range.end - share > range.start ? range.end - share : range.start
      if (from > range.start)
        this.#skip(range, `${showCount(Number(from - range.start))} records before offset ${from}`)
      await this.#scan({ ...range, start: from }, (slice) => {
        for (let at = slice.from; at < slice.batch.count; at++) {
          if (!slice.batch.isMarker(at) && isWanted(slice, at)) found.push(loggedRecord(slice, at))
        }
        return true
      })
    }
    return found
  }

  /** All of a partition from an offset on until the limit or `visit` says that it is enough. */
  async #scan(range: Range, visit: (slice: SliceBatch) => boolean): Promise<void> {
    const { topic, partition, start, end } = range
    for await (const slice of readBatches(this.#reader, {
      topic,
      partition,
      from: start,
      to: end,
    })) {
      if (this.#left <= 0) {
        const left = end - (slice.baseOffset + BigInt(slice.from))
        this.#skip(range, `${showCount(Number(left))} records, the limit of --scan was reached`)
        return
      }
      this.#left -= slice.batch.count - slice.from
      if (!visit(slice)) return
    }
  }

  /** Up to where all records have come in later for some time. */
  async #around(range: Range, ingestUs: number, visit: (slice: SliceBatch) => void): Promise<void> {
    let later = 0
    await this.#scan(range, (slice) => {
      visit(slice)
      later = oldest(slice) > ingestUs ? later + 1 : 0
      if (later < batchesOn) return true
      if (slice.next < range.end)
        this.#skip(
          range,
          `${showCount(Number(range.end - slice.next))} records from offset ${slice.next} on, which lie behind ${batchesOn} batches that came in later`,
        )
      return false
    })
  }

  /** Where records of that time begin, with a few batches before. */
  async #offsetOf({ topic, partition, start, end }: Range, ingestUs: number): Promise<bigint> {
    let low = start
    let high = end
    let batchRecords = 1n
    while (low < high) {
      const middle = (low + high) / 2n
      const [slice] = await this.#reader.read({ topic, partition, offset: middle }, 1)
      if (slice === undefined) break
      batchRecords = slice.next - slice.baseOffset
      if (newest(slice) < ingestUs) low = slice.next > middle ? slice.next : middle + 1n
      else high = middle
    }
    const from = low - batchesBack * batchRecords
    return from > start ? from : start
  }

  #skip({ topic, partition }: TopicPartition, what: string): void {
    this.#skipped.set(`${topic}/${partition}`, `${topic}/${partition}: ${what}`)
  }
}

function newest({ batch }: SliceBatch): number {
  let most = Number.NEGATIVE_INFINITY
  for (const us of batch.ingestUs) if (us > most) most = us
  return most
}

/** Of the records of users; a batch of markers only is later than none. */
function oldest({ batch }: SliceBatch): number {
  let least = Number.POSITIVE_INFINITY
  let hasRecord = false
  for (const [index, us] of batch.ingestUs.entries()) {
    if (batch.isMarker(index)) continue
    hasRecord = true
    if (us < least) least = us
  }
  return hasRecord ? least : Number.NEGATIVE_INFINITY
}
