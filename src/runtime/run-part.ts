import type { StageRole } from '../topology/topology.ts'
import type { ReportTime } from './distribution.ts'
import { HookMeter, type HookMeterData } from './hook-meter.ts'
import type { NodePhase } from './node-tasks.ts'
import {
  pipelineReport,
  type MeteredHook,
  type MeteredPart,
  type PipelineOutcome,
  type PipelineReport,
} from './run-report.ts'
import { StageMeter, type MeterData } from './stage-meter.ts'
import type { KeptState } from './step-chain.ts'
import type { InputBacklog } from './task-input.ts'

/**
 * What one process measured of a run, as plain data: those of several processes add up to the report that
 * one process would have made, quantiles included.
 */
export type RunPart = readonly PipelinePart[]

export interface PipelinePart extends Pick<PipelineReport, 'pipeline' | 'outcome' | 'error'> {
  /** Upstream before downstream; all processes have the same. */
  readonly nodes: readonly NodePart[]
  /** What listeners did with the events of its stages. */
  readonly hooks?: readonly HookPart[]
}

export interface HookPart {
  readonly stage: string
  readonly meter: HookMeterData
}

export interface NodePart {
  readonly id: string
  readonly stage: string
  readonly role: StageRole
  readonly phase: NodePhase
  readonly tasks: number
  readonly tasksRun: readonly string[]
  readonly lag: number
  /** The lag by input of the tasks that run here. */
  readonly backlog?: readonly InputBacklog[]
  /** Of the tasks that run here: records between pull and commit. */
  readonly inflight?: number
  /** What each of them keeps between records; those that keep nothing are left out. */
  readonly kept?: readonly KeptState[]
  readonly meter: MeterData
  readonly reads?: readonly string[]
  readonly writes?: readonly string[]
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
    const measured = {
      parts: mergedNodes(own.flatMap(({ nodes }) => nodes)),
      hooks: mergedHooks(own.flatMap(({ hooks = [] }) => hooks)),
    }
    return pipelineReport(what, measured, time)
  })
}

function mergedHooks(all: readonly HookPart[]): MeteredHook[] {
  const byName = Map.groupBy(all, ({ stage, meter }) => `${stage} ${meter.event} ${meter.listener}`)
  return [...byName.values()].map((same) => {
    const { stage, meter: first } = same[0]!
    const meter = new HookMeter(first.event, first.listener)
    for (const each of same) meter.addData(each.meter)
    return { stage, meter }
  })
}

function mergedNodes(all: readonly NodePart[]): (MeteredPart & { readonly stage: string })[] {
  const byId = new Map<string, NodePart[]>()
  for (const node of all) byId.set(node.id, [...(byId.get(node.id) ?? []), node])
  return [...byId.values()].map((nodes) => {
    const { stage, role, tasks, reads = [], writes = [] } = nodes[0]!
    const meter = new StageMeter()
    for (const node of nodes) meter.addData(node.meter)
    return {
      stage,
      role,
      tasks,
      reads,
      writes,
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
