import { PipelineError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import { traceContextOf } from '../core/trace-context.ts'
import { traceIdOf } from '../core/trace-ids.ts'
import { timingsTopic } from '../runtime/timings-record.ts'
import { chooseLog, type LogOptions } from './choose-log.ts'
import { exitCodes, say, type CliEnvironment, type ExitCode } from './cli-environment.ts'
import { fitStoredTopics } from './fit-stored-topics.ts'
import { loadOrTell } from './load-or-tell.ts'
import type { PipelineFile } from './load-topologies.ts'
import { lookIntoLog } from './open-log.ts'
import { printableLine } from './printable.ts'
import { graphOfLog, graphOfTopologies, type TraceGraph } from './trace-graph.ts'
import type { LoggedRecord } from './trace-record.ts'
import { TraceSearch } from './trace-search.ts'
import { wayJson, wayLines, type FoundWay } from './trace-text.ts'
import { TraceWalk } from './trace-walk.ts'

export interface TraceOptions extends LogOptions {
  readonly file?: string | undefined
  readonly scan: number
  readonly values?: boolean
  readonly json?: boolean
}

const placePattern = /^(?<topic>.+)\/(?<partition>\d{1,9})\/(?<offset>\d{1,18})$/s
const idPattern = /^[0-9a-f]{32}$/

/** `millrace trace`: one record's way, from the log alone. */
export async function trace(
  what: string,
  options: TraceOptions,
  environment: CliEnvironment,
): Promise<ExitCode> {
  if (what === '')
    throw new PipelineError('CONFIG_USAGE', 'name a key, a trace id or TOPIC/PARTITION/OFFSET')
  const { file, log: askedLog } = options
  const files = file === undefined ? [] : loadOrTell([file], askedLog, environment)
  if (files === null) return exitCodes.config
  const choice = chooseLog(options, files, environment)
  const found = await lookIntoLog(choice, environment, async (log) => {
    const graph = await graphFor(files, log, { environment, options })
    return findWay(what, { log, graph, limit: options.scan })
  })
  const { stdout, mask, screen } = environment
  if ('hops' in found) {
    const values = options.values === true
    const text =
      options.json === true
        ? JSON.stringify(mask.json(wayJson(found, { values })), null, 2)
        : wayLines(found, { values, columns: screen.size().columns }).join('\n')
    stdout.write(mask.text(`${text}\n`))
    return exitCodes.ok
  }
  for (const line of found.lines) say(environment, printableLine(line))
  return exitCodes.failed
}

interface NotFound {
  readonly lines: readonly string[]
}

async function findWay(
  what: string,
  of: { readonly log: Log; readonly graph: TraceGraph; readonly limit: number },
): Promise<FoundWay | NotFound> {
  const { log, graph, limit } = of
  const topics = await log.reader.topics()
  const search = new TraceSearch(log.reader, topics, limit)
  // A log on which no run has told of itself yet: all of it is looked at.
  const names = graph.topics.length > 0 ? graph.topics : topics.map(({ name }) => name)
  const searched = names.filter((name) => search.has(name) && name !== timingsTopic)
  const found = await findRecords(what, search, searched)
  const [asked, ...others] = found
  if (asked === undefined) return notFound(what, search, searched)
  const way = await new TraceWalk(graph, search).from(asked)
  return { ...way, asked, others, looked: search.looked, skipped: search.skipped }
}

/** The newest first; of those that came in at the same time the one that is furthest upstream. */
async function findRecords(
  what: string,
  search: TraceSearch,
  topics: readonly string[],
): Promise<LoggedRecord[]> {
  const place = placePattern.exec(what)?.groups
  if (place !== undefined && search.has(place['topic']!)) {
    const { topic = '', partition = '', offset = '' } = place
    const record = await search.at({
      topic,
      partition: Number(partition),
      offset: BigInt(offset),
    })
    return record === null ? [] : [record]
  }
  const byId = idPattern.test(what) ? await search.newest(topics, hasTraceId(what)) : []
  const key = Buffer.from(what)
  const found =
    byId.length > 0
      ? byId
      : await search.newest(topics, ({ batch }, index) => {
          const bytes = batch.key(index)
          return bytes !== null && bytes.length === key.length && key.equals(bytes)
        })
  const order = (record: LoggedRecord) => topics.indexOf(record.topic)
  const sorted = found.toSorted((a, b) => b.ingestUs - a.ingestUs || order(a) - order(b))
  // One record lies in several topics: it is shown once, by its first place.
  const first = new Map<number, string>()
  for (const { ingestUs, topic } of sorted) if (!first.has(ingestUs)) first.set(ingestUs, topic)
  return sorted.filter(({ ingestUs, topic }) => first.get(ingestUs) === topic)
}

function hasTraceId(id: string): Parameters<TraceSearch['newest']>[1] {
  return ({ topic, partition, baseOffset, batch }, index) => {
    const headers = batch.headerBytes(index)
    if (headers.length > 0 && traceContextOf(headers)?.traceId === id) return true
    const offset = baseOffset + BigInt(batch.offsetDelta[index]!)
    return traceIdOf(topic, partition, offset, batch.ingestUs[index]!) === id
  }
}

function notFound(what: string, search: TraceSearch, topics: readonly string[]): NotFound {
  const isPlace = placePattern.test(what)
  const where = topics.length === 0 ? 'there are no topics yet' : `looked into ${topics.join(', ')}`
  return {
    lines: [
      isPlace
        ? `No record lies at ${what}, or none any more, and none has that as its key; ${where}.`
        : `No record has the key or trace id ${what}; ${where}.`,
      ...search.skipped.map((each) => `Not looked at: ${each}; more with --scan.`),
    ],
  }
}

async function graphFor(
  files: readonly PipelineFile[],
  log: Log,
  of: { environment: CliEnvironment; options: TraceOptions },
): Promise<TraceGraph> {
  if (files.length === 0) return graphOfLog(log)
  return graphOfTopologies((await fitStoredTopics(files, log, of)).topologies)
}
