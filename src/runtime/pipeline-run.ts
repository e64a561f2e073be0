import type { OperatorEnvironment } from '../core/async-operator.ts'
import type { Clock, Random } from '../core/clock.ts'
import type { EndpointEnvironment } from '../core/endpoints.ts'
import { asPipelineError, type PipelineError } from '../core/errors.ts'
import type { ListenerEnvironment } from '../core/hook.ts'
import type { JsonObject } from '../core/json.ts'
import type { Log } from '../core/log.ts'
import type { Telemetry } from '../core/telemetry.ts'
import type { TokenBucket } from '../core/token-bucket.ts'
import type { WorkGroup } from '../core/work-group.ts'
import type { ChosenStages } from '../topology/only-stages.ts'
import { outputTopicsOf } from '../topology/order-nodes.ts'
import { ownWriters, taskId, type StageNode, type Topology } from '../topology/topology.ts'
import { countDrops } from './count-drops.ts'
import { hookCondition } from './hook-condition.ts'
import { HookRunner } from './hook-runner.ts'
import { HookTracing } from './hook-tracing.ts'
import type { HookProblem } from './listener-queue.ts'
import type { WriterLinks } from './link-topologies.ts'
import { NodeTasks } from './node-tasks.ts'
import type { ProgressBoard } from './progress-board.ts'
import type { PipelinePart } from './run-part.ts'
import {
  pipelineReport,
  type MeteredHook,
  type PipelineOutcome,
  type PipelineReport,
} from './run-report.ts'
import { SharedWork } from './shared-work.ts'
import { SliceStep } from './slice-step.ts'
import { StageMeter } from './stage-meter.ts'
import { runsAnywhere, type StepExecutor } from './step-executor.ts'
import { stageNotices } from './stage-notices.ts'
import { StageTask } from './stage-task.ts'
import { TaskEvents } from './task-events.ts'
import { faultBucket, TaskTracing } from './task-tracing.ts'
import { TraceSampler } from './trace-sampler.ts'
import { WatermarkTracker } from './watermark.ts'

export interface RunEnvironment {
  readonly log: Log
  readonly clock: Clock
  readonly random: Random
  readonly endpoints: EndpointEnvironment
  readonly listeners: ListenerEnvironment
  /** For steps that wait for something outside; absent where no pipeline has any. */
  readonly operators?: OperatorEnvironment
  readonly telemetry: Telemetry
  readonly notice: (message: string, facts?: JsonObject) => void
  /** Replaces secrets in what leaves the process beside the records, such as messages in dead letters. */
  readonly mask: (text: string) => string
  /** Keep waiting for input after a bounded end. */
  readonly follow: boolean
  /** Resolves when topics that no pipeline of this process writes have ended; null: they never do. */
  readonly outsideEnds: Promise<void> | null
  /** Where slices can be worked on beside this thread; null: nowhere. */
  readonly executor: StepExecutor | null
  /** The stages that run; by default all. Of the others, those with bounded input count as ended. */
  readonly only?: ChosenStages
}

const hookDrainMs = 2_000

/** One pipeline at work: all its tasks, started together and stopped together. */
export class PipelineRun {
  readonly topology: Topology
  readonly #environment: RunEnvironment
  readonly #nodes: NodeTasks[] = []
  #shared: SharedWork | null = null
  readonly #hooks = new Map<string, HookRunner>()
  readonly #stop = new AbortController()
  readonly #sampler: TraceSampler
  readonly #faults = new Map<string, TokenBucket>()
  readonly #notices = new Map<string, (message: string) => void>()
  #outcome: PipelineOutcome = 'running'
  #error: PipelineError | null = null
  #startedUs = 0
  #endedUs: number | null = null

  constructor(topology: Topology, environment: RunEnvironment) {
    this.topology = topology
    this.#environment = environment
    this.#sampler = new TraceSampler({
      perSecond: topology.tracing.perSecond,
      ratio: environment.telemetry.tracing?.ratio ?? null,
      random: environment.random,
    })
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
      const { group } = this.#environment.log
      if (group === undefined) await this.#runAll()
      else await this.#runShared(group, shared.board)
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
    return this.#nodes.flatMap(({ all }) => all)
  }

  async report(): Promise<PipelineReport> {
    const time = { durationMs: this.#durationMs() }
    const parts = await Promise.all(this.#nodes.map((tasks) => this.#metered(tasks)))
    const hooks = this.#meteredHooks()
    return pipelineReport(this.#state(), { parts, hooks }, time)
  }

  /** The same as data, to be added up with those of other processes. */
  async part(): Promise<PipelinePart> {
    const nodes = await Promise.all(
      this.#nodes.map(async (tasks) => {
        const { meter, ...part } = await this.#metered(tasks)
        return { ...part, id: tasks.node.id, meter: meter.toData() }
      }),
    )
    const hooks = this.#meteredHooks().map(({ stage, meter }) => ({ stage, meter: meter.toData() }))
    return { ...this.#state(), nodes, hooks }
  }

  #meteredHooks(): MeteredHook[] {
    return [...this.#hooks].flatMap(([stage, runner]) =>
      runner.meters.map((meter) => ({ stage, meter })),
    )
  }

  #state(): Pick<PipelineReport, 'pipeline' | 'outcome' | 'error'> {
    const error =
      this.#error === null ? null : { code: this.#error.code, message: this.#error.message }
    return { pipeline: this.topology.pipeline, outcome: this.#outcome, error }
  }

  #durationMs(): number {
    return ((this.#endedUs ?? this.#environment.clock.monotonicUs()) - this.#startedUs) / 1_000
  }

  async #metered({ node, meter, phase, all, everRun }: NodeTasks) {
    const isOver = this.#endedUs !== null
    const backlogs = isOver ? [] : await Promise.all(all.map((task) => task.backlog()))
    const backlog = backlogs.flat()
    const kept = isOver ? [] : all.flatMap((task) => task.kept ?? [])
    return {
      stage: node.stage,
      role: node.role,
      phase,
      tasks: node.tasks,
      tasksRun: everRun.map((index) => taskId(this.topology, node, index)),
      meter,
      reads: node.input.kind === 'topics' ? node.input.topics.map(({ name }) => name) : [],
      writes: outputTopicsOf(node).map(({ topic }) => topic),
      lag: backlog.reduce((sum, { records }) => sum + records, 0),
      backlog,
      inflight: isOver ? 0 : all.reduce((sum, { inWork }) => sum + inWork, 0),
      kept,
    }
  }

  #prepare(node: StageNode, shared: { board: ProgressBoard; links: WriterLinks }): NodeTasks {
    return new NodeTasks({
      node,
      meter: new StageMeter(),
      make: (index, meter) => this.#task(node, index, { ...shared, meter }),
      failed: (error, index) => this.#taskFailed(taskId(this.topology, node, index), error),
    })
  }

  #task(
    node: StageNode,
    index: number,
    shared: { board: ProgressBoard; links: WriterLinks; meter: StageMeter },
  ): StageTask {
    const { clock, random, log, endpoints, follow, mask, telemetry, executor } = this.#environment
    const id = taskId(this.topology, node, index)
    const inputs = inputsOf(node, index)
    const tracker = new WatermarkTracker(
      node.input.kind === 'source'
        ? [[{ id: '', holds: shared.links.isBounded(node), sendsMarkers: false }]]
        : inputs.map(({ topic, partition }) => shared.links.expectedWriters(topic, partition)),
    )
    const tracing = this.#tracingOf(node, id, shared.meter)
    const events = new TaskEvents({
      runner: this.#hooks.get(node.stage)!,
      clock,
      pipeline: this.topology.pipeline,
      stage: node.stage,
      tracing,
    })
    const partitions = new Map(this.topology.topics.map((topic) => [topic.name, topic.partitions]))
    const step = new SliceStep({
      node,
      clock,
      tracker,
      events,
      mask,
      tracing: this.topology.tracing,
      ownWriters: ownWriters(this.topology),
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
      notice: this.#noticesOf(node),
      telemetry,
      tracing,
      pipeline: this.topology.pipeline,
      environment: countDrops(endpoints, shared.meter.operations),
      operators: this.#environment.operators ?? null,
      board: shared.board,
      meter: shared.meter,
    })
  }

  #noticesOf({ stage }: StageNode): (message: string) => void {
    const known =
      this.#notices.get(stage) ?? stageNotices((message) => this.#environment.notice(message))
    this.#notices.set(stage, known)
    return known
  }

  #faultsOf({ id }: StageNode): TokenBucket {
    const known = this.#faults.get(id) ?? faultBucket(this.topology.tracing)
    this.#faults.set(id, known)
    return known
  }

  #tracingOf(node: StageNode, task: string, meter: StageMeter): TaskTracing | null {
    const { tracing } = this.#environment.telemetry
    if (tracing === undefined) return null
    const { topology } = this
    return new TaskTracing({
      tracing,
      settings: topology.tracing,
      sampler: this.#sampler,
      faults: this.#faultsOf(node),
      meter,
      pipeline: topology.pipeline,
      node,
      task,
      ownWriters: ownWriters(topology),
    })
  }

  /** Of the stage's last part, which is the one that has its name. */
  #hookTracingOf(stage: string): HookTracing | null {
    const { telemetry, mask } = this.#environment
    const { tracing } = telemetry
    const node = this.topology.nodes.findLast((each) => each.stage === stage)
    if (tracing === undefined || node === undefined) return null
    const { pipeline } = this.topology
    return new HookTracing({ tracing, faults: this.#faultsOf(node), pipeline, stage, mask })
  }

  async #runAll(): Promise<void> {
    const byStage = Map.groupBy(this.#nodes, ({ node }) => node.stage)
    await Promise.all([...byStage].map(([stage, parts]) => this.#runStage(stage, parts)))
  }

  async #runStage(stage: string, parts: readonly NodeTasks[]): Promise<void> {
    const places = parts.flatMap((tasks) =>
      Array.from({ length: tasks.node.tasks }, (_, index) => ({ tasks, index })),
    )
    this.#tellStage(stage, places.length)
    await Promise.all(places.map(({ tasks, index }) => tasks.begin(index, this.#stop.signal)))
    this.#tellStage(stage, 0)
  }

  async #runShared(group: WorkGroup, board: ProgressBoard): Promise<void> {
    const { follow, clock, listeners } = this.#environment
    const { pipeline } = this.topology
    this.#shared = new SharedWork({
      topology: this.topology,
      group,
      nodes: this.#nodes,
      board,
      clock,
      follow,
      staffed: (stage, count) => this.#tellStage(stage, count),
      shared: (count, all) =>
        listeners.log('info', `${pipeline}: this worker runs ${count} of ${all} tasks`, {}),
      failed: (error) => this.#fail(error),
    })
    await this.#shared.run(this.#stop.signal)
  }

  /** @param count of its tasks that begin to run here; 0: none runs here any more. */
  #tellStage(stage: string, count: number): void {
    const parts = this.#nodes.filter(({ node }) => node.stage === stage)
    this.#hooks.get(stage)!.publish({
      event: count > 0 ? 'stage_started' : 'stage_stopped',
      pipeline: this.topology.pipeline,
      stage,
      timeMs: this.#environment.clock.wallMs(),
      data: count > 0 ? { tasks: count } : { phase: parts.at(-1)!.phase },
      value: null,
    })
  }

  #taskFailed(id: string, error: PipelineError): void {
    if (this.#shared === null) this.#fail(error)
    else void this.#shared.taskFailed(id, error)
  }

  #fail(thrown: unknown): void {
    this.#outcome = 'failed'
    this.#error ??= asPipelineError(thrown)
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
      const onProblem = ({ message, event, listener, count, ids }: HookProblem) =>
        notice(message, { stage, event, listener, count, ...ids })
      const options = { stage, hooks: opened, clock, onProblem }
      const tracing = this.#hookTracingOf(stage)
      this.#hooks.set(stage, new HookRunner({ ...options, tracing }))
    }
  }
}

function inputsOf(node: StageNode, index: number): { topic: string; partition: number }[] {
  if (node.input.kind === 'source') return []
  const { topics, replay } = node.input
  return [...topics, ...(replay === undefined ? [] : [replay])].flatMap(({ name, partitions }) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic: name, partition })).filter(
      ({ partition }) => node.tasks === 1 || partition % node.tasks === index,
    ),
  )
}

function allOrNull(lists: readonly (readonly string[] | null)[]): readonly string[] | null {
  return lists.includes(null) ? null : lists.flatMap((list) => list ?? [])
}
