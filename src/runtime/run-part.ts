import type { StageRole } from '../topology/topology.ts'
import type { NodePhase } from './node-tasks.ts'
import {
  pipelineReport,
  type MeteredPart,
  type PipelineOutcome,
  type PipelineReport,
  type ReportTime,
} from './run-report.ts'
import { StageMeter, type MeterData } from './stage-meter.ts'

/**
 * What one process measured of a run, as plain data: those of several processes add up to the report that
 * one process would have made, quantiles included.
 */
export type RunPart = readonly PipelinePart[]

export interface PipelinePart extends Pick<PipelineReport, 'pipeline' | 'outcome' | 'error'> {
  /** Upstream before downstream; all processes have the same. */
  readonly nodes: readonly NodePart[]
}

export interface NodePart {
  readonly id: string
  readonly stage: string
  readonly role: StageRole
  readonly phase: NodePhase
  readonly tasks: number
  readonly tasksRun: readonly string[]
  readonly lag: number
  readonly meter: MeterData
}

/** The strongest of them is that of all. */
const outcomes = ['failed', 'running', 'completed', 'stopped'] as const
const phases = ['blocked', 'working', 'starting', 'waiting', 'stopped', 'ended'] as const

/** One report of all processes. */
export function mergedReports(parts: readonly RunPart[], time: ReportTime): PipelineReport[] {
  const pipelines = parts.flat()
  const names = [...new Set(pipelines.map(({ pipeline }) => pipeline))]
  return names.map((name) => {
    const own = pipelines.filter(({ pipeline }) => pipeline === name)
    const what = {
      pipeline: name,
      outcome:
        strongest<PipelineOutcome>(
          outcomes,
          own.map(({ outcome }) => outcome),
        ) ?? 'stopped',
      error: own.map(({ error }) => error).find((error) => error !== null) ?? null,
    }
    return pipelineReport(what, mergedNodes(own.flatMap(({ nodes }) => nodes)), time)
  })
}

function mergedNodes(all: readonly NodePart[]): (MeteredPart & { readonly stage: string })[] {
  const byId = new Map<string, NodePart[]>()
  for (const node of all) byId.set(node.id, [...(byId.get(node.id) ?? []), node])
  return [...byId.values()].map((nodes) => {
    const { stage, role, tasks } = nodes[0]!
    const meter = new StageMeter()
    for (const node of nodes) meter.addData(node.meter)
    return {
      stage,
      role,
      tasks,
      tasksRun: [...new Set(nodes.flatMap(({ tasksRun }) => tasksRun))].toSorted(byIndex),
      phase:
        strongest<NodePhase>(
          phases,
          nodes.map(({ phase }) => phase),
        ) ?? 'elsewhere',
      lag: nodes.reduce((sum, { lag }) => sum + lag, 0),
      meter,
    }
  })
}

function strongest<Name>(order: readonly Name[], found: readonly Name[]): Name | undefined {
  return order.find((name) => found.includes(name))
}

/** Ids of tasks of one node differ in the number at their end. */
function byIndex(left: string, right: string): number {
  return left.length - right.length || (left < right ? -1 : 1)
}
