import { PipelineError } from '../core/errors.ts'
import type { LogReader, TopicDescription } from '../core/log.ts'
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
import {
  bytesText,
  findTopic,
  readBatches,
  recordJson,
  recordsOf,
  timeText,
  type StoredRecord,
} from './stored-record.ts'

export interface TapOptions extends LogOptions {
  readonly partition?: number
  /** `earliest`, `latest` or an offset; the last records when it is not said. */
  readonly from?: string
  readonly limit?: number
  readonly follow?: boolean
  readonly json?: boolean
  readonly internal?: boolean
}

const defaultLimit = 10
const pollMs = 200

export async function tap(
  topic: string,
  options: TapOptions,
  environment: CliEnvironment,
): Promise<ExitCode> {
  const choice = chooseLog(options, [], environment)
  return lookIntoLog(choice, environment, async ({ reader }) => {
    const description = await describeTopic(reader, topic)
    const reading = new TapReading(reader, options, description)
    const follows = options.follow === true || options.from === 'latest'
    if (options.from === undefined)
      reading.print(environment, await reading.lastRecords(options.limit ?? defaultLimit))
    if (options.from === undefined && !follows) return exitCodes.ok
    const limit =
      options.from === undefined
        ? Number.POSITIVE_INFINITY
        : (options.limit ?? Number.POSITIVE_INFINITY)
    return follow(reading, { limit, follows }, environment)
  })
}

async function follow(
  reading: TapReading,
  { limit, follows }: { limit: number; follows: boolean },
  environment: CliEnvironment,
): Promise<ExitCode> {
  const { interrupts, clock } = environment
  const stopping = follows ? interrupts.listen() : new AbortController().signal
  const stop = AbortSignal.any([stopping, interrupts.stdoutClosed])
  if (follows) say(environment, 'Waiting for records; Ctrl-C ends it.')
  let left = limit
  while (!stop.aborted) {
    for await (const record of reading.onward()) {
      if (left <= 0 || stop.aborted) break
      left -= 1
      reading.print(environment, [record])
    }
    if (left <= 0 || !follows) return exitCodes.ok
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

  constructor(reader: LogReader, options: TapOptions, topic: TopicDescription) {
    this.#reader = reader
    this.#options = options
    this.#topic = topic
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
        if (this.#shows(record)) yield record
      }
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
    for (let back = BigInt(count); ; back *= 4n) {
      const from = end - back < start ? start : end - back
      const records: StoredRecord[] = []
      for await (const record of this.#between(partition, from, end)) {
        if (this.#shows(record)) records.push(record)
      }
      if (records.length >= count || from === start) return records.slice(-count)
    }
  }

  async *#between(partition: number, from: bigint, to: bigint): AsyncGenerator<StoredRecord> {
    const place = { topic: this.#topic.name, partition, from, to }
    for await (const slice of readBatches(this.#reader, place)) yield* recordsOf(slice, to)
  }

  #shows({ isMarker }: StoredRecord): boolean {
    return !isMarker || this.#options.internal === true
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
