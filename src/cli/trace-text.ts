import { showDuration } from './show-amount.ts'
import { headerText, derivedTraceId, type LoggedRecord } from './trace-record.ts'
import { placeOf, type TraceHop, type TraceWay } from './trace-walk.ts'
import { factsOf } from './dead-letters.ts'
import { bytesText, recordJson, timeText } from './stored-record.ts'
import { printableLine } from './printable.ts'
import { textTable, type Column } from './text-table.ts'

/** The way of a record with how it was found. */
export interface FoundWay extends TraceWay {
  readonly asked: LoggedRecord
  /** Other records that fit what was asked for, newest first. */
  readonly others: readonly LoggedRecord[]
  readonly looked: number
  readonly skipped: readonly string[]
}

const barColumns = 36
const minBarColumns = 8
const shownPlaces = 10
const signs = { wait: '░', run: '█', commit: '▒' } as const

function traceIdOfWay({ hops }: TraceWay): { id: string; isDerived: boolean } {
  const carried = hops.map(({ record }) => record.traceId).find((id) => id !== null)
  return carried === undefined || carried === null
    ? { id: derivedTraceId(hops[0]!.record), isDerived: true }
    : { id: carried, isDerived: false }
}

/** A waterfall, one line per place. */
export function wayLines(way: FoundWay, of: { columns: number; values: boolean }): string[] {
  const { hops, asked, notes, skipped, others, looked } = way
  const { id, isDerived } = traceIdOfWay(way)
  const [first] = hops
  const endUs = Math.max(...hops.map(endOf))
  const fromUs = first!.record.ingestUs
  const keyText = asked.key === null ? 'no key' : `key ${bytesText(asked.key)}`
  return [
    `${printableLine(placeOf(asked))}  ${keyText}`,
    `trace ${id}${isDerived ? ' (derived: the record was not sampled)' : ''}`,
    `came in ${microsecondTime(fromUs)}, ${showDuration((endUs - fromUs) / 1_000)} up to its last place`,
    '',
    ...waterfall(hops, { fromUs, endUs, asked, columns: of.columns }),
    `${signs.wait} waiting  ${signs.run} running  ${signs.commit} commit`,
    ...(hops.every(({ commitUs }) => commitUs === null)
      ? ['This log does not say when records could be read: a wait holds the commit before it.']
      : []),
    ...hops.flatMap((hop) => detailLines(hop, of.values)),
    ...(notes.length === 0 ? [] : ['', ...notes.map((note) => `- ${printableLine(note)}.`)]),
    '- Listeners of hooks leave nothing in the log: their times are in `millrace report`.',
    ...otherLines(others),
    ...skippedLines(skipped, looked),
  ]
}

const columns: readonly Column[] = [
  { title: 'stage', align: 'left' },
  { title: 'place', align: 'left' },
  { title: 'after', align: 'right' },
  { title: 'wait', align: 'right' },
  { title: 'run', align: 'right' },
  { title: 'commit', align: 'right' },
  { title: '', align: 'left' },
]

function waterfall(
  hops: readonly TraceHop[],
  of: { fromUs: number; endUs: number; asked: LoggedRecord; columns: number },
): string[] {
  const cells = hops.map((hop) => {
    const { record, node, step, commitUs, outcome } = hop
    const isAsked = placeOf(record) === placeOf(of.asked)
    const mark = outcome === 'stored' ? '' : ` (${outcome})`
    return [
      printableLine(node?.stage ?? '-'),
      `${isAsked ? '>' : ' '} ${printableLine(placeOf(record))}${mark}`,
      timeOf(endOf(hop) - of.fromUs),
      step === null ? '-' : timeOf(step.waitUs),
      step === null ? '-' : timeOf(step.runUs),
      commitUs === null ? '-' : timeOf(commitUs),
    ]
  })
  const width = Math.max(...textTable(columns, cells).map((line) => line.length)) + 2
  const room = Math.max(minBarColumns, Math.min(barColumns, of.columns - width))
  const rows = cells.map((row, index) => [...row, bar(hops[index]!, { ...of, room })])
  return textTable(columns, rows)
}

/** Where in the whole time the hop lies, sign by sign; what is too short to be seen still gets one. */
function bar(hop: TraceHop, of: { fromUs: number; endUs: number; room: number }): string {
  const { step, record, commitUs } = hop
  const cells = Array.from({ length: of.room }, () => ' ')
  const spanUs = Math.max(1, of.endUs - of.fromUs)
  const fill = (fromUs: number, toUs: number, sign: string): void => {
    if (!(toUs >= fromUs)) return
    const at = (us: number) => ((us - of.fromUs) / spanUs) * of.room
    const first = Math.min(of.room - 1, Math.max(0, Math.floor(at(fromUs))))
    const last = Math.min(of.room, Math.max(first + 1, Math.ceil(at(toUs))))
    cells.fill(sign, first, last)
  }
  if (step !== null) fill(step.startUs - step.waitUs, step.startUs, signs.wait)
  if (commitUs !== null) fill(record.visibleUs - commitUs, record.visibleUs, signs.commit)
  if (step !== null) fill(step.startUs, step.startUs + step.runUs, signs.run)
  return cells.join('').trimEnd()
}

function endOf({ record, commitUs }: TraceHop): number {
  return commitUs === null && !(record.visibleUs > 0) ? record.leftUs : record.visibleUs
}

function timeOf(us: number): string {
  return Number.isFinite(us) ? showDuration(us / 1_000) : '-'
}

function detailLines({ record, outcome, matchedBy, node }: TraceHop, values: boolean): string[] {
  const place = printableLine(placeOf(record))
  const facts = [
    ...(outcome === 'dead_lettered' ? [failureText(record)] : []),
    ...(outcome === 'late'
      ? [`came after all its windows had closed at ${node?.stage ?? 'its stage'}`]
      : []),
    ...(matchedBy === 'order'
      ? ['several records look the same: this one is told by their order']
      : []),
    ...(matchedBy === 'window' ? ['told by its key and the bounds of its window'] : []),
    ...(values ? [`value ${bytesText(record.value)}`] : []),
  ]
  return facts.length === 0
    ? []
    : ['', `${place}:`, ...facts.map((fact) => `  ${printableLine(fact)}`)]
}

function failureText(record: LoggedRecord): string {
  const { code, stage, step, attempts, message } = factsOf(record)
  return [
    `${code} in stage ${stage}`,
    ...(step === null ? [] : [`step ${step}`]),
    ...(attempts === null ? [] : [`${attempts} ${attempts === '1' ? 'attempt' : 'attempts'}`]),
    message,
  ].join(', ')
}

function otherLines(others: readonly LoggedRecord[]): string[] {
  if (others.length === 0) return []
  const shown = others.slice(0, shownPlaces).map((other) => printableLine(placeOf(other)))
  const more = others.length > shown.length ? ` and ${others.length - shown.length} more` : ''
  return ['', `This is the newest that fits. Others: ${shown.join(', ')}${more}.`]
}

function skippedLines(skipped: readonly string[], looked: number): string[] {
  if (skipped.length === 0) return []
  const shown = skipped.slice(0, shownPlaces).map((each) => `  ${printableLine(each)}`)
  const more = skipped.length - shown.length
  return [
    '',
    `Looked at ${looked} records. Not looked at:`,
    ...shown,
    ...(more > 0 ? [`  and parts of ${more} more partitions`] : []),
  ]
}

/** The same as data. */
export function wayJson(way: FoundWay, of: { values: boolean }): unknown {
  const { id, isDerived } = traceIdOfWay(way)
  const { hops, notes, others, looked, skipped, asked } = way
  return {
    asked: placeOf(asked),
    trace_id: id,
    trace_id_derived: isDerived,
    ingest: microsecondTime(hops[0]!.record.ingestUs),
    hops: hops.map((hop) => hopJson(hop, of.values)),
    notes,
    others: others.map(placeOf),
    records_looked_at: looked,
    not_looked_at: skipped,
  }
}

function hopJson(hop: TraceHop, values: boolean): unknown {
  const { record, outcome, node, matchedBy, step, commitUs } = hop
  const { topic, partition, offset, traceId, writer, leftUs, visibleUs } = record
  const isDead = outcome === 'dead_lettered'
  return {
    pipeline: node?.pipeline ?? null,
    stage: node?.stage ?? null,
    node: node?.id ?? null,
    task: writer === '' ? null : writer,
    topic,
    partition,
    offset: Number(offset),
    outcome,
    matched_by: matchedBy,
    trace_id: traceId,
    wait_us: step?.waitUs ?? null,
    started: step === null ? null : microsecondTime(step.startUs),
    run_us: step?.runUs ?? null,
    ended: writer === '' ? null : microsecondTime(leftUs),
    commit_us: commitUs,
    visible: microsecondTime(visibleUs),
    ...(isDead ? { failure: failureJson(record) } : {}),
    ...(values ? { record: JSON.parse(recordJson(record)) as unknown } : {}),
  }
}

function failureJson(record: LoggedRecord): unknown {
  const fact = (name: string) => headerText(record, `millrace-dlq-${name}`)
  const attempts = Number(fact('attempts') ?? Number.NaN)
  return {
    code: fact('code'),
    stage: fact('stage'),
    step: fact('step'),
    message: fact('message'),
    attempts: Number.isFinite(attempts) ? attempts : null,
  }
}

/** ISO 8601 with µs, UTC; null where there is none. */
function microsecondTime(us: number): string | null {
  const ms = Math.floor(us / 1_000)
  const rest = Math.floor(us - 1_000 * ms)
  const text = timeText(ms)
  return text === null ? null : `${text.slice(0, -1)}${String(rest).padStart(3, '0')}Z`
}
