import type { LogReader, SliceBatch, TopicDescription } from '../core/log.ts'
import { decodeTimings, timingsTopic, type NodeTimings } from '../runtime/timings-record.ts'
import { findTopic, readBatches } from './stored-record.ts'

export interface TimeRange {
  /** Epoch ms; null: since the latest run of each pipeline began. */
  readonly fromMs: number | null
  /** Epoch ms; Infinity: up to now. */
  readonly toMs: number
}

export interface ReadTimings {
  readonly timings: readonly NodeTimings[]
  /** Records of the topic that are none of Millrace's. */
  readonly unreadable: number
}

/** Clocks of workers differ, and a record is written when its span is over. */
const marginMs = 120_000
/** How far back is looked for the latest runs, at first. */
const tailRecords = 500n

/** What the history holds of a time, of pipelines by name; null: of all. */
export async function readTimings(
  reader: LogReader,
  range: TimeRange,
  pipelines: ReadonlySet<string> | null,
): Promise<ReadTimings> {
  const topic = await findTopic(reader, timingsTopic)
  if (topic === undefined) return { timings: [], unreadable: 0 }
  const isAsked = ({ pipeline }: NodeTimings) => pipelines === null || pipelines.has(pipeline)
  if (range.fromMs === null) return readLatest(reader, topic, isAsked)
  const from = await offsetAt(reader, topic, range.fromMs - marginMs)
  const found = await readFrom(reader, topic, from)
  const [fromUs, toUs] = [1_000 * range.fromMs, 1_000 * range.toMs]
  // What was measured in a span is in it by its middle: so that neighbouring ranges share nothing.
  const isIn = (timings: NodeTimings) => {
    const middleUs = (timings.fromUs + timings.toUs) / 2
    return middleUs >= fromUs && middleUs < toUs && isAsked(timings)
  }
  return { ...found, timings: found.timings.filter(isIn) }
}

/** Since the latest run of each pipeline began, by all workers that took part since. */
async function readLatest(
  reader: LogReader,
  topic: TopicDescription,
  isAsked: (timings: NodeTimings) => boolean,
): Promise<ReadTimings> {
  const { start, end } = topic.ranges[0]!
  for (let back = tailRecords; ; back *= 8n) {
    const from = end - back < start ? start : end - back
    const found = await readFrom(reader, topic, from)
    const asked = found.timings.filter(isAsked)
    const runs = latestRuns(asked)
    const earliestMs = Math.min(...runs.values()) / 1_000 - marginMs
    const firstMs = (found.timings[0]?.toUs ?? Number.NEGATIVE_INFINITY) / 1_000
    // All of the latest runs has been read, or there is no more.
    if (from === start || (asked.length > 0 && firstMs < earliestMs)) {
      const isIn = ({ pipeline, toUs }: NodeTimings) => toUs > (runs.get(pipeline) ?? 0)
      return { ...found, timings: asked.filter(isIn) }
    }
  }
}

/** By pipeline, when its latest run began, epoch µs. */
function latestRuns(timings: readonly NodeTimings[]): Map<string, number> {
  const runs = new Map<string, number>()
  for (const { pipeline, runUs } of timings) {
    if (runUs > (runs.get(pipeline) ?? Number.NEGATIVE_INFINITY)) runs.set(pipeline, runUs)
  }
  return runs
}

async function readFrom(
  reader: LogReader,
  { name, ranges }: TopicDescription,
  from: bigint,
): Promise<ReadTimings> {
  const timings: NodeTimings[] = []
  let unreadable = 0
  const place = { topic: name, partition: 0, from, to: ranges[0]!.end }
  for await (const { batch, from: first } of readBatches(reader, place)) {
    for (let index = first; index < batch.count; index++) {
      const text = batch.valueText(index)
      const decoded = text === null ? null : decodeTimings(text)
      if (decoded === null) unreadable += 1
      else timings.push(decoded)
    }
  }
  return { timings, unreadable }
}

/** The first offset whose batch was written at that time or later. */
async function offsetAt(
  reader: LogReader,
  { name, ranges }: TopicDescription,
  ms: number,
): Promise<bigint> {
  let { start: low, end: high } = ranges[0]!
  while (low < high) {
    const middle = (low + high) / 2n
    const [slice] = await reader.read({ topic: name, partition: 0, offset: middle }, 1)
    if (slice === undefined) return low
    if (newestMs(slice) < ms) low = slice.next > middle ? slice.next : middle + 1n
    else high = middle
  }
  return low
}

function newestMs({ batch }: SliceBatch): number {
  let newest = Number.NEGATIVE_INFINITY
  for (const ms of batch.timestampMs) if (ms > newest) newest = ms
  return newest
}
