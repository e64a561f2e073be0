import type { Clock, Random } from '../core/clock.ts'
import type { EndpointEnvironment } from '../core/endpoints.ts'
import { messageOf, PipelineError } from '../core/errors.ts'
import type { ListenerEnvironment } from '../core/hook.ts'
import type { Log } from '../core/log.ts'
import type { Telemetry } from '../core/telemetry.ts'
import { taskId, type StageNode, type Topology } from '../topology/topology.ts'
import { hookCondition } from './hook-condition.ts'
import { HookRunner } from './hook-runner.ts'
import type { WriterLinks } from './link-topologies.ts'
import type { ProgressBoard } from './progress-board.ts'
import {
  bottleneckOf,
  stageReport,
  type PipelineOutcome,
  type PipelineReport,
} from './run-report.ts'
import { SliceStep } from './slice-step.ts'
import { StageMeter } from './stage-meter.ts'
import { runsAnywhere, type StepExecutor } from './step-executor.ts'
import { StageTask } from './stage-task.ts'
import { TaskEvents } from './task-events.ts'
import { WatermarkTracker } from './watermark.ts'

export interface RunEnvironment {
  readonly log: Log
  readonly clock: Clock
  readonly random: Random
  readonly endpoints: EndpointEnvironment
  readonly listeners: ListenerEnvironment
  readonly telemetry: Telemetry
  readonly notice: (message: string) => void
  /** Replaces secrets in what leaves the process beside the records, such as messages in dead letters. */
  readonly mask: (text: string) => string
  /** Keep waiting for input after a bounded end. */
  readonly follow: boolean
  /** Resolves when topics that no pipeline of this process writes have ended; null: they never do. */
  readonly outsideEnds: Promise<void> | null
  /** Where slices can be worked on beside this thread; null: nowhere. */
  readonly executor: StepExecutor | null
}

interface RunningNode {
  readonly node: StageNode
  readonly meter: StageMeter
  readonly tasks: StageTask[]
}

const hookDrainMs = 2_000

/** One pipeline at work: all its tasks, started together and stopped together. */
export class PipelineRun {
  readonly topology: Topology
  readonly #environment: RunEnvironment
  readonly #nodes: RunningNode[] = []
  readonly #hooks = new Map<string, HookRunner>()
  readonly #stop = new AbortController()
  #outcome: PipelineOutcome = 'running'
  #error: PipelineError | null = null
  #startedUs = 0
  #endedUs: number | null = null

  constructor(topology: Topology, environment: RunEnvironment) {
    this.topology = topology
    this.#environment = environment
  }

  /** Runs until the input ends, `signal` aborts or something fails; never rejects. */
  async run(shared: {
    board: ProgressBoard
    links: WriterLinks
    signal: AbortSignal
  }): Promise<PipelineOutcome> {
    const { clock } = this.#environment
    const stop = () => this.#stop.abort()
    this.#startedUs = clock.monotonicUs()
    shared.signal.addEventListener('abort', stop)
    try {
      if (shared.signal.aborted) stop()
      await this.#openHooks()
      for (const node of this.topology.nodes) this.#nodes.push(this.#prepare(node, shared))
      await Promise.all(this.#nodes.flatMap(({ node, tasks }) => this.#runNode(node, tasks)))
      this.#outcome =
        this.#error !== null ? 'failed' : this.#stop.signal.aborted ? 'stopped' : 'completed'
    } catch (thrown) {
      this.#fail(thrown)
    } finally {
      shared.signal.removeEventListener('abort', stop)
      await Promise.all([...this.#hooks.values()].map((hooks) => hooks.close(hookDrainMs)))
      this.#endedUs = clock.monotonicUs()
    }
    return this.#outcome
  }

  /** Stops as when the signal aborts. */
  stop(): void {
    this.#stop.abort()
  }

  get error(): PipelineError | null {
    return this.#error
  }

  get tasks(): readonly StageTask[] {
    return this.#nodes.flatMap(({ tasks }) => tasks)
  }

  async report(): Promise<PipelineReport> {
    const durationMs = this.#durationMs()
    const stages = await Promise.all(
      [...new Set(this.topology.nodes.map(({ stage }) => stage))].map(async (stage) => {
        const parts = this.#nodes.filter(({ node }) => node.stage === stage)
        const metered = await Promise.all(parts.map((part) => this.#metered(part)))
        return metered.length === 0 ? [] : [stageReport(stage, metered, durationMs)]
      }),
    )
    const all = stages.flat()
    const error =
      this.#error === null ? null : { code: this.#error.code, message: this.#error.message }
    return {
      pipeline: this.topology.pipeline,
      outcome: this.#outcome,
      error,
      stages: all,
      bottleneck: bottleneckOf(all),
    }
  }

  #durationMs(): number {
    return ((this.#endedUs ?? this.#environment.clock.monotonicUs()) - this.#startedUs) / 1_000
  }

  async #metered({ node, meter, tasks }: RunningNode) {
    const lags = this.#endedUs === null ? await Promise.all(tasks.map((task) => task.lag())) : []
    const phases = new Set(tasks.map(({ phase }) => phase))
    const phase = phases.has('blocked')
      ? 'blocked'
      : phases.has('working')
        ? 'working'
        : (tasks[0]?.phase ?? 'starting')
    return { phase, role: node.role, meter, lag: lags.reduce((sum, lag) => sum + lag, 0) }
  }

  #prepare(node: StageNode, shared: { board: ProgressBoard; links: WriterLinks }): RunningNode {
    const meter = new StageMeter()
    const tasks = Array.from({ length: node.tasks }, (_, index) =>
      this.#task(node, index, { ...shared, meter }),
    )
    return { node, meter, tasks }
  }

  #task(
    node: StageNode,
    index: number,
    shared: { board: ProgressBoard; links: WriterLinks; meter: StageMeter },
  ): StageTask {
    const { clock, random, log, endpoints, notice, follow, mask, telemetry, executor } =
      this.#environment
    const id = taskId(this.topology, node, index)
    const inputs = inputsOf(node, index)
    const tracker = new WatermarkTracker(
      node.input.kind === 'source'
        ? [[{ id: '', holds: shared.links.isBounded(node), sendsMarkers: false }]]
        : inputs.map(({ topic, partition }) => shared.links.expectedWriters(topic, partition)),
    )
    const events = new TaskEvents({
      runner: this.#hooks.get(node.stage)!,
      clock,
      pipeline: this.topology.pipeline,
      stage: node.stage,
    })
    const partitions = new Map(this.topology.topics.map((topic) => [topic.name, topic.partitions]))
    const step = new SliceStep({
      node,
      clock,
      tracker,
      events,
      mask,
      taskId: id,
      taskIndex: index,
      partitionsOf: (topic) => partitions.get(topic)!,
    })
    const endingTasks =
      node.input.kind === 'source'
        ? null
        : allOrNull(node.input.topics.map(({ name }) => shared.links.endingTasks(name)))
    return new StageTask({
      id,
      node,
      taskIndex: index,
      // Events are made where their listeners are.
      executor: runsAnywhere(node) && !events.areWanted ? executor : null,
      inputs,
      endingTasks,
      follow,
      log,
      clock,
      random,
      tracker,
      step,
      events,
      notice,
      telemetry,
      pipeline: this.topology.pipeline,
      environment: endpoints,
      board: shared.board,
      meter: shared.meter,
    })
  }

  #runNode(node: StageNode, tasks: readonly StageTask[]): Promise<void>[] {
    const hooks = this.#hooks.get(node.stage)!
    const { clock } = this.#environment
    const about = { pipeline: this.topology.pipeline, stage: node.stage, value: null }
    hooks.publish({
      event: 'stage_started',
      timeMs: clock.wallMs(),
      data: { tasks: tasks.length },
      ...about,
    })
    let left = tasks.length
    return tasks.map(async (task) => {
      try {
        await task.run(this.#stop.signal)
      } catch (thrown) {
        this.#fail(thrown)
      }
      left -= 1
      if (left > 0) return
      hooks.publish({
        event: 'stage_stopped',
        timeMs: clock.wallMs(),
        data: { phase: task.phase },
        ...about,
      })
    })
  }

  #fail(thrown: unknown): void {
    this.#outcome = 'failed'
    this.#error ??=
      thrown instanceof PipelineError
        ? thrown
        : new PipelineError('INVARIANT', messageOf(thrown), { cause: thrown })
    this.#stop.abort()
  }

  async #openHooks(): Promise<void> {
    const { clock, listeners, notice } = this.#environment
    for (const stage of new Set(this.topology.nodes.map((node) => node.stage))) {
      const hooks = this.topology.hooks.filter((hook) => hook.stage === stage)
      const opened = await Promise.all(
        hooks.map(async ({ on, when, listener, config }) => ({
          on,
          when: when === null ? null : hookCondition(when),
          listener: await listener.create(config, listeners),
          name: listener.type,
        })),
      )
      const onProblem = (problem: { message: string }) => notice(problem.message)
      this.#hooks.set(stage, new HookRunner({ stage, hooks: opened, clock, onProblem }))
    }
  }
}

function inputsOf(node: StageNode, index: number): { topic: string; partition: number }[] {
  if (node.input.kind === 'source') return []
  return node.input.topics.flatMap(({ name, partitions }) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic: name, partition })).filter(
      ({ partition }) => node.tasks === 1 || partition % node.tasks === index,
    ),
  )
}

function allOrNull(lists: readonly (readonly string[] | null)[]): readonly string[] | null {
  return lists.includes(null) ? null : lists.flatMap((list) => list ?? [])
}
