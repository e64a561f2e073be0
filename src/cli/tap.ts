import { PipelineError } from '../core/errors.ts'
import type { LogReader, SliceBatch, TopicDescription } from '../core/log.ts'
import { didYouMean } from '../core/nearest-name.ts'
import { chooseLog, type LogOptions } from './choose-log.ts'
import {
  exitCodes,
  say,
  stoppedCode,
  type CliEnvironment,
  type ExitCode,
} from './cli-environment.ts'
import { lookIntoLog } from './open-log.ts'
import { sinceMs, type Since } from './replay-options.ts'
import { showCount } from './show-amount.ts'
import {
  bytesText,
  findTopic,
  readBatches,
  recordJson,
  recordsOf,
  timeText,
  type StoredRecord,
} from './stored-record.ts'
import { TapFilter } from './tap-filter.ts'

export interface TapOptions extends LogOptions {
  readonly partition?: number
  /** `earliest`, `latest` or an offset; the last records when it is not said. */
  readonly from?: string
  readonly limit?: number
  readonly follow?: boolean
  readonly json?: boolean
  readonly internal?: boolean
  readonly where?: string
  readonly key?: string
  readonly since?: Since
}

const defaultLimit = 10
const pollMs = 200
/** How often it is told that records come and none is chosen. */
const tellSkippedMs = 10_000

export async function tap(
  topic: string,
  options: TapOptions,
  environment: CliEnvironment,
): Promise<ExitCode> {
  const choice = chooseLog(options, [], environment)
  const filter = filterOf(options, environment)
  return lookIntoLog(choice, environment, async ({ reader }) => {
    const description = await describeTopic(reader, topic)
    const { from } = options
    const reading = new TapReading(reader, options, { topic: description, filter })
    const follows = options.follow === true || from === 'latest'
    if (from === undefined)
      reading.print(environment, await reading.lastRecords(options.limit ?? defaultLimit))
    if (from === undefined && !follows) {
      tellSkipped(filter, environment)
      return exitCodes.ok
    }
    const limit =
      from === undefined ? Number.POSITIVE_INFINITY : (options.limit ?? Number.POSITIVE_INFINITY)
    const code = await follow(reading, { limit, follows, filter }, environment)
    tellSkipped(filter, environment)
    return code
  })
}

function filterOf({ where, key, since }: TapOptions, { clock }: CliEnvironment): TapFilter | null {
  if (where === undefined && key === undefined && since === undefined) return null
  return new TapFilter({
    ...(where === undefined ? {} : { where }),
    ...(key === undefined ? {} : { key }),
    ...(since === undefined ? {} : { sinceMs: sinceMs(since, clock.wallMs()) }),
  })
}

function tellSkipped(filter: TapFilter | null, environment: CliEnvironment): void {
  if (filter === null || filter.skipped === 0) return
  const { skipped, failed } = filter
  const records = skipped === 1 ? '1 record was' : `${showCount(skipped)} records were`
  const why = failed === 0 ? '' : `; on ${showCount(failed)} of them --where cannot be evaluated`
  say(environment, `${records} skipped${why}.`)
}

async function follow(
  reading: TapReading,
  { limit, follows, filter }: { limit: number; follows: boolean; filter: TapFilter | null },
  environment: CliEnvironment,
): Promise<ExitCode> {
  const { interrupts, clock } = environment
  const stopping = follows ? interrupts.listen() : new AbortController().signal
  const stop = AbortSignal.any([stopping, interrupts.stdoutClosed])
  if (follows) say(environment, 'Waiting for records; Ctrl-C ends it.')
  let left = limit
  let told = { skipped: filter?.skipped ?? 0, atUs: clock.monotonicUs() }
  while (!stop.aborted) {
    for await (const record of reading.onward()) {
      if (left <= 0 || stop.aborted) break
      left -= 1
      reading.print(environment, [record])
    }
    if (left <= 0 || !follows) return exitCodes.ok
    const nowUs = clock.monotonicUs()
    if (filter !== null && nowUs - told.atUs > 1_000 * tellSkippedMs) {
      if (filter.skipped > told.skipped) tellSkipped(filter, environment)
      told = { skipped: filter.skipped, atUs: nowUs }
    }
    await clock.sleep(pollMs, stop)
    await reading.refresh()
  }
  return stoppedCode(stopping.reason)
}

async function describeTopic(reader: LogReader, name: string): Promise<TopicDescription> {
  const found = await findTopic(reader, name)
  if (found !== undefined) return found
  const names = (await reader.topics()).map((topic) => topic.name)
  const known = names.length === 0 ? 'there are no topics yet' : `there are ${names.join(', ')}`
  throw new PipelineError(
    'CONFIG_USAGE',
    `there is no topic "${name}"${didYouMean(name, names)}; ${known}`,
  )
}

/** Where each partition is read on. */
class TapReading {
  readonly #reader: LogReader
  readonly #options: TapOptions
  #topic: TopicDescription
  readonly #next = new Map<number, bigint>()

  readonly #filter: TapFilter | null

  constructor(
    reader: LogReader,
    options: TapOptions,
    { topic, filter }: { topic: TopicDescription; filter: TapFilter | null },
  ) {
    this.#reader = reader
    this.#options = options
    this.#topic = topic
    this.#filter = filter
    for (const partition of this.#partitions()) {
      const { start, end } = topic.ranges[partition]!
      this.#next.set(partition, firstOffset(options.from, { start, end }))
    }
  }

  async refresh(): Promise<void> {
    this.#topic = (await findTopic(this.#reader, this.#topic.name)) ?? this.#topic
  }

  /** From where the last call ended up to what the topic holds now, partition by partition. */
  async *onward(): AsyncGenerator<StoredRecord> {
    for (const partition of this.#partitions()) {
      const { start, end } = this.#topic.ranges[partition]!
      const from = this.#next.get(partition)!
      for await (const record of this.#between(partition, from < start ? start : from, end)) {
        this.#next.set(partition, record.offset + 1n)
        yield record
      }
      // Also past those that were not chosen.
      if (end > from) this.#next.set(partition, end)
    }
  }

  /** The newest records of all partitions together, oldest first. */
  async lastRecords(count: number): Promise<StoredRecord[]> {
    const ends = await Promise.all(
      this.#partitions().map((partition) => this.#lastOf(partition, count)),
    )
    return ends
      .flat()
      .toSorted((left, right) => left.timestampMs - right.timestampMs)
      .slice(-count)
  }

  print({ stdout }: CliEnvironment, records: readonly StoredRecord[]): void {
    for (const record of records) {
      stdout.write(this.#options.json === true ? `${recordJson(record)}\n` : textOf(record))
    }
  }

  /** Looks back further and further, since markers that are not shown may lie between the records. */
  async #lastOf(partition: number, count: number): Promise<StoredRecord[]> {
    const { start, end } = this.#topic.ranges[partition]!
    const before = { skipped: this.#filter?.skipped ?? 0, failed: this.#filter?.failed ?? 0 }
    for (let back = BigInt(count); ; back *= 4n) {
      const from = end - back < start ? start : end - back
      const records: StoredRecord[] = []
      // What was looked at before is looked at again.
      if (this.#filter !== null) Object.assign(this.#filter, before)
      for await (const record of this.#between(partition, from, end)) records.push(record)
      if (records.length >= count || from === start) return records.slice(-count)
    }
  }

  async *#between(partition: number, from: bigint, to: bigint): AsyncGenerator<StoredRecord> {
    const place = { topic: this.#topic.name, partition, from, to }
    const chosen = (slice: SliceBatch, index: number) => this.#shows(slice, index)
    for await (const slice of readBatches(this.#reader, place)) yield* recordsOf(slice, to, chosen)
  }

  #shows(slice: SliceBatch, index: number): boolean {
    if (slice.batch.isMarker(index)) return this.#options.internal === true
    return this.#filter === null || this.#filter.matches(slice, index)
  }

  #partitions(): number[] {
    const { partition } = this.#options
    const { name, partitions } = this.#topic
    if (partition === undefined) return Array.from({ length: partitions }, (_, index) => index)
    if (partition < partitions) return [partition]
    throw new PipelineError(
      'CONFIG_USAGE',
      `the topic "${name}" has ${partitions} partitions, from 0 to ${partitions - 1}; there is no partition ${partition}`,
    )
  }
}

/** Without a start, only what comes later is read on: the last records have been shown. */
function firstOffset(
  from: string | undefined,
  { start, end }: { start: bigint; end: bigint },
): bigint {
  if (from === undefined || from === 'latest') return end
  return from === 'earliest' ? start : BigInt(from)
}

/** `2026-01-01T00:00:00.000Z  0/12  key  value` */
function textOf({ timestampMs, partition, offset, key, value, isMarker }: StoredRecord): string {
  const shownKey = key === null ? '-' : bytesText(key)
  const shown = isMarker ? ['(marker)'] : [shownKey, bytesText(value)]
  return `${[timeText(timestampMs) ?? '-', `${partition}/${offset}`, ...shown].join('  ')}\n`
}
