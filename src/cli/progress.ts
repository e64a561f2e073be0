import type { PipelineReport, RunReport, StageReport } from '../runtime/run-report.ts'
import { showCount, showDuration, showRate } from './show-amount.ts'
import { textTable, type Column } from './text-table.ts'

/** How far back the shown rate looks, in samples. */
const rateSamples = 10

interface Sample {
  readonly durationMs: number
  readonly n: number
}

const columns: readonly Column[] = [
  { title: 'stage', align: 'left' },
  { title: 'records', align: 'right' },
  { title: 'rate', align: 'right' },
  { title: 'waiting', align: 'right' },
  { title: 'dead letters', align: 'right' },
  { title: '', align: 'left' },
]

/** What a run is doing, from one report after the other. */
export class Progress {
  readonly #samples = new Map<string, Sample[]>()

  add(report: RunReport): void {
    for (const { pipeline, stages } of report.pipelines) {
      for (const { stage, n } of stages) {
        const key = `${pipeline}/${stage}`
        const samples = this.#samples.get(key) ?? []
        samples.push({ durationMs: report.durationMs, n })
        if (samples.length > rateSamples) samples.shift()
        this.#samples.set(key, samples)
      }
    }
  }

  /** A table for a terminal. */
  block(report: RunReport): string[] {
    const rows = report.pipelines.flatMap((pipeline) =>
      pipeline.stages.map((stage) => [
        report.pipelines.length === 1 ? stage.stage : `${pipeline.pipeline}/${stage.stage}`,
        showCount(stage.n),
        showRate(this.#rate(pipeline, stage)),
        showCount(stage.lag),
        showCount(stage.dispositions.dead_lettered),
        stage.phase === 'blocked' ? 'blocked' : '',
      ]),
    )
    return [...textTable(columns, rows), `running for ${showDuration(report.durationMs)}`]
  }

  /** One line per pipeline, for a file or a service's journal. */
  lines(report: RunReport): string[] {
    return report.pipelines
      .filter(({ outcome }) => outcome === 'running')
      .map((pipeline) => {
        const stages = pipeline.stages.map((stage) => this.#stageText(pipeline, stage))
        return `${pipeline.pipeline}: ${stages.join('; ')}`
      })
  }

  #stageText(pipeline: PipelineReport, stage: StageReport): string {
    const { dead_lettered: deadLetters } = stage.dispositions
    return [
      `${stage.stage} ${showCount(stage.n)} records`,
      showRate(this.#rate(pipeline, stage)),
      ...(stage.lag > 0 ? [`${showCount(stage.lag)} waiting`] : []),
      ...(deadLetters > 0 ? [`${showCount(deadLetters)} dead letters`] : []),
      ...(stage.phase === 'blocked' ? ['blocked'] : []),
    ].join(', ')
  }

  #rate({ pipeline }: PipelineReport, { stage }: StageReport): number {
    const samples = this.#samples.get(`${pipeline}/${stage}`) ?? []
    const last = samples.at(-1)
    // Of the first look the rate is that since the start.
    const first = samples.length > 1 ? samples[0]! : { durationMs: 0, n: 0 }
    if (last === undefined || last.durationMs <= first.durationMs) return 0
    return (1_000 * (last.n - first.n)) / (last.durationMs - first.durationMs)
  }
}
