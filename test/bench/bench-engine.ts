import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { RunReport, StageReport } from '../../src/runtime/run-report.ts'
import type { Figure } from './run.ts'
import { timedRun, type OrderStage } from './timed-run.ts'

/**
 * The reference workload on the embedded log, through the command line in a process of its own: the
 * clean stage over a topic that holds all orders, then everything from the file to the last result.
 */
export async function benchEngine(
  folder: string,
  workload: { command: string; orders: number },
): Promise<Figure[]> {
  const { command, orders } = workload
  const log = ['--data-dir', join(folder, 'data')]
  const run = (...names: OrderStage[]) => timedRun({ command, folder, names, log })
  const ingest = await run('ingest')
  const clean = await run('ingest', 'clean')
  rmSync(join(folder, 'data'), { recursive: true })
  const whole = await run('ingest', 'clean', 'analyze', 'save')
  const perSecond = (seconds: number) => `${Math.round(orders / seconds)} orders/s`
  return [
    { what: 'ingest: file -> keyed topic', value: perSecond(ingest.seconds), aim: '' },
    { what: 'clean: topic -> topic', value: perSecond(clean.seconds), aim: 'aim: 180,000/s' },
    {
      what: '  dead-lettered of these',
      value: String(stage(clean.report, 'clean').dispositions.dead_lettered),
      aim: '',
    },
    {
      what: 'file -> clean -> analyze -> file, process start to end',
      value: perSecond(whole.seconds),
      aim: 'aim: 100,000/s',
    },
    ...[ingest, clean, whole].map(({ peakMb, names }) => ({
      what: `peak memory, ${names.join(' + ')}`,
      value: `${peakMb} MB`,
      aim: 'aim: below 300 MB',
    })),
  ]
}

function stage(report: RunReport, name: string): StageReport {
  return report.pipelines[0]!.stages.find((each) => each.stage === name)!
}
