import { dispositions } from '../core/operator.ts'
import type { PipelineReport, RunReport, StageReport, WorkerReport } from '../runtime/run-report.ts'
import { showCount, showDuration, showRate } from './show-amount.ts'
import { textTable, type Column } from './text-table.ts'
import { hookTable, modelTable, noteLines, shortName, waitingTable } from './timing-tables.ts'
import { wrapText } from './wrap-text.ts'

export interface SummaryOptions {
  readonly colors: boolean
  /** Appended to the commands that the summary proposes, such as ` --data-dir DIR`. */
  readonly logHint: string
  /** Files that a stage writes, by `<pipeline>.<stage>`. */
  readonly files: ReadonlyMap<string, readonly string[]>
  /** What time the numbers are about, where it is not the run that has just ended. */
  readonly span?: string
}

const columns: readonly Column[] = [
  { title: 'stage', align: 'left' },
  { title: 'role', align: 'left' },
  { title: 'n', align: 'right' },
  { title: 't mean', align: 'right' },
  { title: 't p95', align: 'right' },
  { title: 'T=n*t', align: 'right' },
  { title: 's mean', align: 'right' },
  { title: 's p95', align: 'right' },
  { title: 'D=s*n', align: 'right' },
  { title: 'rate', align: 'right' },
]
const legend = [
  't: processing time of a record, s: its waiting time. T = n*t and D = s*n add them up over all',
  'n records, many of which wait at the same time.',
]
const modelLegend = [
  's model: records ahead * service time, which is the time between departures while busy.',
  "L: records in the backlog, by Little's law arrival rate * s. off by: how much the model misses.",
]
const maxColumns = 100

/** What each pipeline did, as text of at most 100 columns. */
export function summaryLines(report: RunReport, options: SummaryOptions): string[] {
  return [
    ...report.pipelines.flatMap((pipeline) => ['', ...pipelineLines(pipeline, report, options)]),
    ...restartsOf(report.workers ?? []),
  ]
}

function pipelineLines(
  pipeline: PipelineReport,
  report: RunReport,
  options: SummaryOptions,
): string[] {
  const style = styleOf(options.colors)
  const { workers = [] } = report
  const outcome = outcomeText(pipeline, style)
  const title =
    options.span === undefined
      ? `pipeline ${style.bold(pipeline.pipeline)}: ${outcome} after ${showDuration(report.durationMs)}` +
        (workers.length > 1 ? `, by ${workers.length} workers` : '')
      : `pipeline ${style.bold(pipeline.pipeline)}: ${outcome}\n${options.span}`
  if (pipeline.stages.every(({ n, made }) => n === 0 && made === 0)) {
    return pipeline.outcome === 'failed' ? [title] : [title, nothingDone(pipeline)]
  }
  const [head = '', ...rows] = textTable(columns, pipeline.stages.map(cellsOf))
  return [
    title,
    '',
    style.dim(head),
    ...pipeline.stages.flatMap((stage, index) => [
      rows[index]!,
      ...detailsOf(stage, style),
      ...shareOf(stage, workers.length > 1 ? 'these workers' : 'this worker'),
      ...filesOf(options.files.get(`${pipeline.pipeline}.${stage.stage}`)),
    ]),
    '',
    ...legend.map(style.dim),
    ...timingLines(pipeline, style),
    ...(pipeline.bottleneck === null
      ? []
      : wrapText(`${pipeline.bottleneck.sentence}.`, maxColumns)),
    ...hintsOf(pipeline, options),
  ]
}

/** What the table above has no room for. */
function timingLines({ stages }: PipelineReport, style: Style): string[] {
  const titled = ([head = '', ...rows]: readonly string[], below: readonly string[] = []) =>
    head === '' ? [] : ['', style.dim(head), ...rows, ...below.map(style.dim)]
  return [
    ...titled(waitingTable(stages)),
    ...titled(modelTable(stages), modelLegend),
    ...titled(hookTable(stages)),
    ...noteLines(stages).flatMap((note) =>
      wrapText(`${note}.`, maxColumns - 2).map(
        (line, index) => `${index === 0 ? '- ' : '  '}${line}`,
      ),
    ),
    '',
  ]
}

function outcomeText({ outcome }: PipelineReport, style: Style): string {
  return outcome === 'failed'
    ? style.red(outcome)
    : outcome === 'completed'
      ? style.green(outcome)
      : outcome
}

function cellsOf(stage: StageReport): string[] {
  const { n, t, s, T, D } = stage
  const name = shortName(stage.stage)
  if (n === 0) return [name, stage.role, '0']
  return [
    name,
    stage.role,
    showCount(n),
    ...[t.mean, t.p95, T, s.mean, s.p95, D].map(showDuration),
    showRate(stage.rate),
  ]
}

/** How much of a stage the numbers are about, where other workers have run tasks of it too. */
function shareOf({ tasks, tasksRun }: StageReport, who: string): string[] {
  if (tasksRun.length >= tasks) return []
  const count = tasksRun.length === 0 ? 'none' : showCount(tasksRun.length)
  return [`  ${who} ran ${count} of its ${showCount(tasks)} ${tasks === 1 ? 'task' : 'tasks'}`]
}

function nothingDone({ stages }: PipelineReport): string {
  const tasks = stages.reduce((sum, stage) => sum + stage.tasks, 0)
  const run = stages.reduce((sum, { tasksRun }) => sum + tasksRun.length, 0)
  if (run >= tasks) return 'There was nothing new to read.'
  if (run === 0) return 'None of its tasks ran here.'
  return `There was nothing new to read for the ${showCount(run)} of its ${showCount(tasks)} tasks that ran here.`
}

function restartsOf(workers: readonly WorkerReport[]): string[] {
  const restarted = workers.filter(({ starts }) => starts > 1)
  if (restarted.length === 0) return []
  const counts = restarted.map(({ worker, starts }) => `worker ${worker} ${starts} times`)
  return [
    `Started ${counts.join(', ')}. What a worker did in the second before it died is missing in the numbers`,
    'above, not in the topics.',
  ]
}

/** What became of the records, with the reasons. */
function detailsOf(stage: StageReport, style: Style): string[] {
  const counts = dispositions
    .filter((name) => stage.dispositions[name] > 0)
    .map((name) => {
      const text = `${showCount(stage.dispositions[name])} ${name}`
      return name === 'dead_lettered' ? style.red(text) : text
    })
  const made = [
    ...(stage.made > 0 ? [`${showCount(stage.made)} results made`] : []),
    ...(stage.madeDeadLettered > 0
      ? [style.red(`${showCount(stage.madeDeadLettered)} results dead_lettered`)]
      : []),
  ]
  const reasons = Object.entries(stage.reasons)
    .filter(([, count]) => count > 0)
    .toSorted(([, left], [, right]) => right - left)
    .map(([reason, count]) => `${reason} ${showCount(count)}`)
  const lines = [
    [...counts, ...made].join(', '),
    reasons.length === 0 ? '' : `by reason: ${reasons.join(', ')}`,
  ]
  const { records, max } = stage.clockSkew
  if (stage.clockSkewSuspected)
    lines.push(
      `clock_skew_suspected: ${showCount(records)} records were written by a clock that is ahead, by up to ${showDuration(max)}`,
    )
  return lines.filter((line) => line !== '').map((line) => `  ${line}`)
}

function filesOf(files: readonly string[] | undefined): string[] {
  return files === undefined || files.length === 0 ? [] : [`  written to ${files.join(', ')}`]
}

function hintsOf({ stages }: PipelineReport, { logHint }: SummaryOptions): string[] {
  const failing = stages.filter(
    (stage) => stage.dispositions.dead_lettered + stage.madeDeadLettered > 0,
  )
  const [only] = failing
  if (only === undefined) return []
  const command = failing.length === 1 ? `millrace dlq show ${only.stage}` : 'millrace dlq ls'
  return [`Records failed; see why: ${command}${logHint}`]
}

interface Style {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly red: (text: string) => string
  readonly green: (text: string) => string
}

function styleOf(colors: boolean): Style {
  const painted = (on: number, off: number) => (text: string) =>
    colors ? `\u001b[${on}m${text}\u001b[${off}m` : text
  return { bold: painted(1, 22), dim: painted(2, 22), red: painted(31, 39), green: painted(32, 39) }
}
