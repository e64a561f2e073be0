import type { HookPart, NodePart, PipelinePart, RunPart } from '../../src/runtime/run-part.ts'
import { SliceStats } from '../../src/runtime/slice-stats.ts'
import type { StageMeter } from '../../src/runtime/stage-meter.ts'

export interface MeasuredSlice {
  /** Epoch µs. */
  readonly committedUs: number
  readonly records: readonly { readonly waitUs: number; readonly runUs: number }[]
}

/** One after the other, so that all ended before the commit. */
export function addSlice(meter: StageMeter, { records, committedUs }: MeasuredSlice): void {
  const stats = new SliceStats(records.length)
  for (const { waitUs, runUs } of records) stats.addRecord(waitUs, runUs, committedUs - 10)
  stats.dispositions[1] = records.length
  stats.addFailure('RECORD_CAST')
  stats.drops = new Map([['filter', 2]])
  meter.addSlice(stats, committedUs)
}

export function sliceOf(count: number, committedUs: number): MeasuredSlice {
  return { committedUs, records: Array.from({ length: count }, () => ({ waitUs: 900, runUs: 50 })) }
}

export function aNode(meter: StageMeter, changes: Partial<NodePart> = {}): NodePart {
  return {
    id: 'clean',
    stage: 'clean',
    role: 'cleaning',
    phase: 'working',
    tasks: 2,
    tasksRun: ['p.clean/0'],
    lag: 0,
    reads: ['raw'],
    writes: ['clean'],
    meter: meter.toData(),
    ...changes,
  }
}

export function aPart(
  nodes: readonly NodePart[],
  changes: Partial<PipelinePart> & { readonly hooks?: readonly HookPart[] } = {},
): RunPart {
  return [{ pipeline: 'p', outcome: 'running', error: null, nodes, ...changes }]
}
