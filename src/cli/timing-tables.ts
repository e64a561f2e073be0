import type { HookReport } from '../runtime/hook-report.ts'
import type { Compared } from '../runtime/queue-model.ts'
import { showPercent } from '../runtime/report-text.ts'
import type { StageReport } from '../runtime/run-report.ts'
import { printableLine } from './printable.ts'
import { showCount, showDuration, showRate } from './show-amount.ts'
import { textTable, type Column } from './text-table.ts'

const maxNameLength = 24
/** What is further off is so by a small number that it is measured against. */
const maxPercent = 999
/** Where nothing is known, never `NaN`. */
const none = '-'

/** A name that leaves room for the numbers. */
export function shortName(name: string, length = maxNameLength): string {
  const shown = printableLine(name)
  return shown.length > length ? `${shown.slice(0, length - 1)}…` : shown
}

const partColumns = columns('stage', [
  't p50',
  't p99',
  's p50',
  's p99',
  'queue',
  'batch',
  'back-off',
  'commit',
])

/** The other quantiles, and what the mean waiting time is made of. */
export function waitingTable(stages: readonly StageReport[]): string[] {
  return textTable(
    partColumns,
    stages.map(({ stage, n, t, s, waiting }) => {
      if (n === 0) return [shortName(stage)]
      const { queue, batch, backoff, commit } = waiting
      return [
        shortName(stage),
        ...[t.p50, t.p99, s.p50, s.p99].map(showDuration),
        ...[queue, batch, backoff, commit].map((ms) => showDuration(ms / n)),
      ]
    }),
  )
}

const modelColumns = columns('stage', [
  'at work',
  'arrival',
  'service',
  'ahead',
  's model',
  's is',
  'off by',
  'L model',
  'L is',
  'off by',
])

/** What the model predicts beside what was measured. */
export function modelTable(stages: readonly StageReport[]): string[] {
  return textTable(
    modelColumns,
    stages.map((stage) => {
      if (stage.n === 0) return [shortName(stage.stage)]
      const { ahead, wait, backlog } = stage.prediction
      return [
        shortName(stage.stage),
        showPercent(stage.utilisation),
        rateText(stage.arrivalRate),
        rateText(stage.serviceRate),
        ahead === null ? none : showCount(ahead),
        ...comparison(wait, showDuration),
        ...comparison(backlog, showCount),
      ]
    }),
  )
}

const hookColumns: readonly Column[] = [
  { title: 'stage', align: 'left' },
  { title: 'event, listener', align: 'left' },
  ...columns('n', [
    't mean',
    't p95',
    'T=n*t',
    's mean',
    's p95',
    'D=s*n',
    'arrival',
    'off by',
  ]).map(({ title }) => ({ title, align: 'right' as const })),
]

/** The events of hooks, as records of a stage. */
export function hookTable(stages: readonly StageReport[]): string[] {
  const rows = stages.flatMap(({ stage, hooks }) =>
    hooks.map((hook) => [
      shortName(stage, 14),
      shortName(`${hook.event}, ${hook.listener}`, 26),
      showCount(hook.n),
      ...hookTimes(hook),
      rateText(hook.arrivalRate),
      residualText(hook.prediction.wait),
    ]),
  )
  return rows.length === 0 ? [] : textTable(hookColumns, rows)
}

function hookTimes({ n, t, T, s, D }: HookReport): string[] {
  if (n === 0) return Array.from({ length: 6 }, () => none)
  return [t.mean, t.p95, T, s.mean, s.p95, D].map(showDuration)
}

/** Why a formula does not hold, by stage; what listeners did not get; clocks and queues that need a word. */
export function noteLines(stages: readonly StageReport[]): string[] {
  return stages.flatMap((stage) => [
    ...stage.prediction.notes.map((note) => `${printableLine(stage.stage)}: ${note}`),
    ...(stage.commitInQueue
      ? [
          `${printableLine(stage.stage)}: s p50 to p99 hold the commit of the stage before, which this log does not tell apart by record`,
        ]
      : []),
    ...stage.hooks.flatMap((hook) => hookNotes(stage.stage, hook)),
  ])
}

function hookNotes(stage: string, { event, listener, ...hook }: HookReport): string[] {
  const name = printableLine(`${stage}, ${event} (${listener})`)
  const counts = [
    ...(hook.failed > 0 ? [`${showCount(hook.failed)} failed`] : []),
    ...(hook.timedOut > 0 ? [`${showCount(hook.timedOut)} timed out`] : []),
    ...(hook.dropped > 0 ? [`${showCount(hook.dropped)} were dropped`] : []),
    ...(hook.limited > 0 ? [`${showCount(hook.limited)} were over the rate`] : []),
  ]
  return [
    ...(counts.length === 0 ? [] : [`${name}: ${counts.join(', ')}`]),
    ...hook.prediction.notes.map((note) => `${name}: ${note}`),
  ]
}

function comparison(of: Compared, show: (amount: number) => string): string[] {
  const { predicted, measured } = of
  return [
    predicted === null ? none : show(predicted),
    measured === null ? none : show(measured),
    residualText(of),
  ]
}

function residualText({ residualPercent }: Compared): string {
  if (residualPercent === null) return none
  const percent = Math.round(residualPercent)
  if (Math.abs(percent) > maxPercent) return `${percent > 0 ? '>' : '<-'}${maxPercent} %`
  return `${percent > 0 ? '+' : ''}${percent === 0 ? 0 : percent} %`
}

function rateText(perSecond: number): string {
  return perSecond > 0 ? showRate(perSecond) : none
}

function columns(first: string, others: readonly string[]): Column[] {
  return [
    { title: first, align: 'left' },
    ...others.map((title) => ({ title, align: 'right' as const })),
  ]
}
