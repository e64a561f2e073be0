import { isJsonObject } from '../core/json.ts'
import {
  readsPartition,
  taskOf,
  writerNode,
  type TraceGraph,
  type TraceNode,
} from './trace-graph.ts'
import {
  decodedOrNull,
  headerText,
  Likeness,
  sameBytes,
  type LoggedRecord,
} from './trace-record.ts'
import type { TraceSearch } from './trace-search.ts'

/** How it is known that a record is what became of another one. */
export type MatchedBy =
  /** The place is written in its headers. */
  | 'place'
  /** Both carry the same trace id. */
  | 'trace_id'
  /** It is the only one of its instant and task. */
  | 'time'
  /** Of those of its instant and task it has the most in common with it. */
  | 'content'
  /** Several look the same: by their order. */
  | 'order'
  /** The key and the window of a result. */
  | 'window'

/** A record at one place of its way. */
export interface TraceHop {
  readonly record: LoggedRecord
  readonly outcome: 'stored' | 'dead_lettered' | 'late' | 'window_result'
  /** Who wrote it; null: somebody outside of the pipelines. */
  readonly node: TraceNode | null
  /** null: the record that was asked for, or its first place. */
  readonly matchedBy: MatchedBy | null
  /** At the stage that wrote it; null where the log does not know. */
  readonly step: StepTimes | null
  /** From the end of its steps until it could be read, µs; null where that is not known. */
  readonly commitUs: number | null
}

export interface StepTimes {
  /** Waiting from the end of the steps before (for the first stage: from its ingest) to the start, µs. */
  readonly waitUs: number
  readonly startUs: number
  readonly runUs: number
}

export interface TraceWay {
  readonly hops: readonly TraceHop[]
  /** What is to be said about ends and gaps, in sentences. */
  readonly notes: readonly string[]
}

/** Stages in a row; more are a circle of topics of several pipelines. */
const maxHops = 64
/** Results of one record, as of a step that splits; more are left out. */
const maxBranches = 16
/** Rounding of Kafka's header, and of sums of floats. */
const toleranceUs = 2

/** Follows a record to where it came from, and to what became of it. */
export class TraceWalk {
  readonly #graph: TraceGraph
  readonly #search: TraceSearch
  readonly #notes: string[] = []
  readonly #seen = new Set<string>()

  constructor(graph: TraceGraph, search: TraceSearch) {
    this.#graph = graph
    this.#search = search
  }

  async from(record: LoggedRecord): Promise<TraceWay> {
    const { up, own } = await this.#up(record)
    const hops = [...up, own]
    for (const { record: each } of hops) this.#seen.add(placeOf(each))
    await this.#down(own, hops)
    if (hops.length >= maxHops) this.#notes.push(`only the first ${maxHops} places are shown`)
    return { hops, notes: [...new Set(this.#notes)] }
  }

  /** The places before, first ones first, and the record itself with the times of its last step. */
  async #up(record: LoggedRecord): Promise<{ up: TraceHop[]; own: TraceHop }> {
    const up: TraceHop[] = []
    const own = await this.#parentOf(record)
    let { parent } = own
    while (parent !== null && up.length < maxHops) {
      const found = await this.#parentOf(parent)
      up.unshift(found.hop)
      parent = found.parent
    }
    return { up, own: own.hop }
  }

  async #parentOf(record: LoggedRecord): Promise<{ hop: TraceHop; parent: LoggedRecord | null }> {
    const aside = asideOrigin(record)
    const node = writerNode(this.#graph, record.writer)
    if (aside !== null) {
      const parent = aside.place === null ? null : await this.#search.at(aside.place)
      if (aside.place !== null && parent === null)
        this.#notes.push(
          `${placeOf(record)} came from ${aside.place.topic}/${aside.place.partition}/${aside.place.offset}, which is not there any more`,
        )
      return { hop: hopOf(record, { node, parent, outcome: aside.outcome, by: 'place' }), parent }
    }
    if (node === null || node.reads.length === 0) {
      this.#notes.push(
        node === null
          ? `${placeOf(record)} was not written by a stage that is known here`
          : `${node.stage} took it from its source`,
      )
      return {
        hop: hopOf(record, { node, parent: null, outcome: 'stored', by: null }),
        parent: null,
      }
    }
    const found = await this.#findParent(record, node)
    const outcome = found === null && isResult(record) ? 'window_result' : 'stored'
    if (found === null)
      this.#notes.push(
        outcome === 'window_result'
          ? `${placeOf(record)} is a result that ${node.stage} made of several records`
          : `what ${placeOf(record)} was made of was not found in ${node.reads.join(', ')}`,
      )
    const parent = found?.record ?? null
    return { hop: hopOf(record, { node, parent, outcome, by: found?.by ?? null }), parent }
  }

  async #findParent(
    record: LoggedRecord,
    node: TraceNode,
  ): Promise<{ record: LoggedRecord; by: MatchedBy } | null> {
    const candidates: LoggedRecord[] = []
    for (const topic of node.reads) {
      const partition = (each: number) => readsPartition(node, record.writer, each)
      candidates.push(...(await this.#search.ofIngest(record.ingestUs, topic, { partition })))
    }
    const possible = candidates.filter((parent) => canBecome(parent, record))
    const [match] = best(record, possible)
    return match ?? null
  }

  async #down(from: TraceHop, hops: TraceHop[]): Promise<void> {
    const { record } = from
    if (from.outcome === 'dead_lettered' || from.outcome === 'late') return
    const readers = this.#graph.nodes.filter(({ reads }) => reads.includes(record.topic))
    for (const node of readers) {
      const aside = await this.#aside(record, node)
      // A record that was set aside has left nothing else: its results were taken back.
      const next = aside.length > 0 ? aside : await this.#results(record, node)
      if (next.length === 0) this.#noteEnd(node)
      for (const hop of next.slice(0, maxBranches)) {
        const place = placeOf(hop.record)
        if (this.#seen.has(place) || hops.length >= maxHops) continue
        this.#seen.add(place)
        hops.push(hop)
        if (hop.outcome !== 'window_result') await this.#down(hop, hops)
      }
      if (next.length > maxBranches)
        this.#notes.push(`${next.length - maxBranches} more results of ${node.stage} are left out`)
    }
  }

  /** What became of it at a stage: records with its times, by the task that read it. */
  async #results(record: LoggedRecord, node: TraceNode): Promise<TraceHop[]> {
    const writer = taskOf(node, record.partition)
    const candidates: LoggedRecord[] = []
    for (const topic of node.writes)
      candidates.push(...(await this.#search.ofIngest(record.ingestUs, topic, { writer })))
    const possible = candidates.filter((child) => canBecome(record, child))
    const matches = await this.#choose(record, possible)
    if (matches.length > 0)
      return matches.map((match) =>
        hopOf(match.record, { node, parent: record, outcome: 'stored', by: match.by }),
      )
    return this.#window(record, node)
  }

  /** Of several of one instant those that are most like it; where more look so, by their order. */
  async #choose(
    record: LoggedRecord,
    possible: readonly LoggedRecord[],
  ): Promise<{ record: LoggedRecord; by: MatchedBy }[]> {
    const tied = best(record, possible)
    const [first] = tied
    if (first === undefined) return []
    const all = [...Map.groupBy(possible, stepOf).values()]
    const chosen = [...new Set(tied.map((each) => stepOf(each.record)))].map((step) =>
      all.find(([member]) => stepOf(member!) === step)!,
    )
    if (first.by === 'trace_id' && chosen.length === 1)
      return chosen[0]!.map((each) => ({ record: each, by: 'trace_id' as const }))
    const siblings = await this.#search.ofIngest(record.ingestUs, record.topic, {
      partition: (partition) => partition === record.partition,
    })
    // What fits another record better is what became of that one: this one has left nothing.
    const own = chosen.filter(([child]) => {
      const parents = best(
        child!,
        siblings.filter((each) => canBecome(each, child!)),
      )
      return parents.some((parent) => parent.record.offset === record.offset)
    })
    if (own.length === 1) {
      const by = all.length === 1 && siblings.length === 1 ? 'time' : first.by
      return own[0]!.map((each) => ({ record: each, by }))
    }
    // A stage keeps the order of the records of one partition.
    const twins = siblings.filter(
      ({ key, value }) => sameBytes(key, record.key) && sameBytes(value, record.value),
    )
    const rank = twins.findIndex(({ offset }) => offset === record.offset)
    const group = own.toSorted((left, right) => left[0]!.leftUs - right[0]!.leftUs)[rank]
    return (group ?? []).map((each) => ({ record: each, by: 'order' as const }))
  }

  /** Records that were set aside say where they came from. */
  async #aside(record: LoggedRecord, node: TraceNode): Promise<TraceHop[]> {
    const written = this.#graph.topics.filter(
      (topic) => !node.writes.includes(topic) && topic !== record.topic && this.#search.has(topic),
    )
    const hops: TraceHop[] = []
    for (const topic of written.filter(
      (name) => /\.(?:dlq|late)$/.test(name) || !this.#isRead(name),
    )) {
      const found = await this.#search.ofIngest(record.ingestUs, topic, {
        writer: taskOf(node, record.partition),
      })
      for (const each of found) {
        const aside = asideOrigin(each)
        if (aside?.place == null || placeOf(aside.place) !== placeOf(record)) continue
        hops.push(hopOf(each, { node, parent: record, outcome: aside.outcome, by: 'place' }))
      }
    }
    return hops
  }

  #isRead(topic: string): boolean {
    return this.#graph.nodes.some(({ reads, writes }) => [...reads, ...writes].includes(topic))
  }

  /** The result of the window that holds it, where its key and the bounds of the window tell it. */
  async #window(record: LoggedRecord, node: TraceNode): Promise<TraceHop[]> {
    const { eventTimeMs } = record
    if (node.writes.length === 0 || Number.isNaN(eventTimeMs)) return []
    const value = decodedOrNull(record.value)
    const texts = new Set(
      isJsonObject(value)
        ? Object.values(value).flatMap((item) => (typeof item === 'string' ? [item] : []))
        : [],
    )
    if (record.key !== null) texts.add(Buffer.from(record.key).toString('utf8'))
    const writer = taskOf(node, record.partition)
    const found = await this.#search.newest(node.writes, ({ batch }, index) => {
      if (batch.writer !== writer) return false
      const key = batch.keyText(index)
      if (key !== null && !texts.has(key)) return false
      return holds(decodedOrNull(batch.value(index)), eventTimeMs)
    })
    return found.map((each) => ({
      ...hopOf(each, { node, parent: null, outcome: 'window_result', by: 'window' }),
      step: null,
    }))
  }

  #noteEnd({ stage, writes }: TraceNode): void {
    this.#notes.push(
      writes.length === 0
        ? `${stage} writes to a sink, of which the log keeps nothing: see there`
        : `behind ${stage} nothing of it was found: it was filtered, absorbed or dropped there, or ${stage} has not come to it yet`,
    )
  }
}

export function placeOf({
  topic,
  partition,
  offset,
}: Pick<LoggedRecord, 'topic' | 'partition' | 'offset'>): string {
  return `${topic}/${partition}/${offset}`
}

interface Origin {
  readonly outcome: 'dead_lettered' | 'late'
  readonly place: Pick<LoggedRecord, 'topic' | 'partition' | 'offset'> | null
}

/** Where a dead letter or a late record came from; null where it is none. */
function asideOrigin(record: LoggedRecord): Origin | null {
  for (const [prefix, outcome] of [
    ['millrace-dlq', 'dead_lettered'],
    ['millrace-late', 'late'],
  ] as const) {
    if (headerText(record, `${prefix}-stage`) === null) continue
    const topic = headerText(record, `${prefix}-topic`)
    const partition = Number(headerText(record, `${prefix}-partition`) ?? Number.NaN)
    const offset = headerText(record, `${prefix}-offset`) ?? ''
    const isPlace = topic !== null && Number.isSafeInteger(partition) && /^\d{1,18}$/.test(offset)
    return { outcome, place: isPlace ? { topic, partition, offset: BigInt(offset) } : null }
  }
  return null
}

function hopOf(
  record: LoggedRecord,
  of: {
    readonly node: TraceNode | null
    readonly parent: LoggedRecord | null
    readonly outcome: TraceHop['outcome']
    readonly by: MatchedBy | null
  },
): TraceHop {
  const { node, parent, outcome, by } = of
  const isSetAside = outcome === 'dead_lettered' || outcome === 'late'
  const before = parent ?? { waitUs: 0, runUs: 0, leftUs: record.ingestUs }
  const isKnown =
    node !== null && outcome !== 'window_result' && (parent !== null || node.reads.length === 0)
  const [waitUs, runUs] = [record.waitUs - before.waitUs, record.runUs - before.runUs]
  // A dead letter keeps the times that the record had when it came.
  const step =
    !isKnown || (isSetAside && waitUs === 0 && runUs === 0)
      ? null
      : { waitUs, runUs, startUs: before.leftUs + waitUs }
  const endUs = step === null && isSetAside ? Number.NaN : record.leftUs
  const commitUs = record.visibleUs - endUs
  return {
    record,
    outcome,
    node,
    matchedBy: by,
    step,
    commitUs: Number.isNaN(commitUs) ? null : commitUs,
  }
}

/** All results of one record have its times, which no other record of the task has. */
function stepOf({ waitUs, runUs }: LoggedRecord): string {
  return `${waitUs} ${runUs}`
}

/** Whether the times of one record can have become those of the other in one stage. */
function canBecome(parent: LoggedRecord, child: LoggedRecord): boolean {
  const waitUs = child.waitUs - parent.waitUs
  const runUs = child.runUs - parent.runUs
  const startUs = parent.leftUs + waitUs
  const isReadable = Number.isNaN(parent.visibleUs) || startUs >= parent.visibleUs - toleranceUs
  return waitUs >= -toleranceUs && runUs >= -toleranceUs && isReadable
}

/** Those that are most like it; several where they cannot be told apart. */
function best(
  record: LoggedRecord,
  others: readonly LoggedRecord[],
): { record: LoggedRecord; by: MatchedBy }[] {
  const traced = others.filter(({ traceId }) => traceId !== null && traceId === record.traceId)
  const from = traced.length > 0 ? traced : others
  const by = traced.length > 0 ? 'trace_id' : 'content'
  if (from.length === 1) return [{ record: from[0]!, by: traced.length > 0 ? by : 'time' }]
  const likeness = new Likeness(record)
  const scored = from.map((each) => ({ each, score: likeness.to(each) }))
  const most = Math.max(...scored.map(({ score }) => score))
  return scored.filter(({ score }) => score === most).map(({ each }) => ({ record: each, by }))
}

/** A result names its window. */
function isResult({ value }: LoggedRecord): boolean {
  const decoded = decodedOrNull(value)
  return isJsonObject(decoded) && 'window_start' in decoded
}

function holds(value: ReturnType<typeof decodedOrNull>, eventTimeMs: number): boolean {
  if (!isJsonObject(value)) return false
  const { window_start: start, window_end: end } = value
  if (typeof start !== 'string' || typeof end !== 'string') return false
  return Date.parse(start) <= eventTimeMs && eventTimeMs < Date.parse(end)
}
