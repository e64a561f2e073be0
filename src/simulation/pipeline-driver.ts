import { Readable, Writable } from 'node:stream'
import type { AsyncOperator } from '../core/async-operator.ts'
import {
  hookEvents,
  type HookEvent,
  type HookEventName,
  type ListenerDefinition,
} from '../core/hook.ts'
import { RecordBatchBuilder } from '../core/record-batch-builder.ts'
import { encodeHeaders, type RecordBatch } from '../core/record-batch.ts'
import { invariant, PipelineError } from '../core/errors.ts'
import type { AsyncDefinition } from '../core/operator.ts'
import { replayTask } from '../core/replay-header.ts'
import type { Telemetry } from '../core/telemetry.ts'
import { z } from 'zod'
import { MemoryLog } from '../logs/memory-log.ts'
import { partitionOf } from '../core/partitioner.ts'
import { defaultHookLimits } from '../runtime/hook-limits.ts'
import type { RunReport } from '../runtime/run-report.ts'
import { startRun, type Run } from '../runtime/start-run.ts'
import { outputTopicsOf } from '../topology/order-nodes.ts'
import { taskId, type NodeStep, type StageNode, type Topology } from '../topology/topology.ts'
import { captureSink } from './capture-sink.ts'
import { noOperators, withoutOutside, type DriverOptions } from './driver-options.ts'
import { FailingPeer, type PeerAnswer } from './failing-peer.ts'
import { promptFollower } from './prompt-follower.ts'
import { PushQueue, pushSource, type PushedRecord } from './push-source.ts'
import { SeededRandom } from './seeded-random.ts'
import { StubbedHttp, type StubAnswer } from './stubbed-http.ts'
import {
  quietTurns,
  maxTurns,
  pauseTurns,
  pauseStepMs,
  promptTurns,
  maxCallMs,
} from './turn-limits.ts'
import { VirtualClock } from './virtual-clock.ts'

/**
 * Runs a pipeline for real, over the memory log and a virtual clock: sources are what the test pushes,
 * sinks and listeners are kept. Nothing touches the outside but steps that wait for it and have no stub.
 */
export class PipelineDriver {
  readonly clock: VirtualClock
  readonly topology: Topology
  readonly events: HookEvent[] = []
  readonly #log: MemoryLog
  readonly #telemetry: Telemetry
  readonly #sources = new Map<string, PushQueue>()
  readonly #sinks = new Map<string, RecordBatch[]>()
  readonly #peers = new Map<string, FailingPeer>()
  readonly #http = new StubbedHttp()
  /** By topic: the partition of the next record without a key that is sent to it. */
  readonly #roundRobin = new Map<string, number>()
  #run: Run | null = null
  #stop = new AbortController()
  readonly #options: DriverOptions
  /** Calls under way of steps without a stub. */
  #calls = 0
  /** Resolved when topics from outside end. */
  readonly #outside = Promise.withResolvers<void>()

  constructor(topology: Topology, options: DriverOptions) {
    this.#options = options
    const { hears = Object.keys(hookEvents) as HookEventName[] } = options
    this.#telemetry = options.telemetry ?? { sliceCommitted: () => {} }
    this.clock = new VirtualClock(options.startMs)
    this.#log = new MemoryLog({ clock: this.clock })
    const listening = new Set(topology.hooks.map(({ node }) => node))
    const internal = new Set(topology.hooks.map((hook) => withoutOutside(hook).node))
    const nodes = topology.nodes.filter(({ id }) => !listening.has(id))
    const stages = [...new Set(nodes.map(({ stage }) => stage))]
    this.topology = {
      ...topology,
      nodes: topology.nodes.map((node) => (internal.has(node.id) ? node : this.#isolate(node))),
      hooks: [
        ...stages.map((stage) => this.#listen(stage, hears)),
        // Their events are written, and those that stay in the log are delivered.
        ...topology.hooks.filter(({ reliable }) => reliable).map(withoutOutside),
      ],
    }
  }

  async start(): Promise<void> {
    const random = new SeededRandom(1)
    const { clock } = this
    const nothing = new Writable({ write: (_chunk, _encoding, done) => done() })
    this.#stop = new AbortController()
    const environment = {
      log: this.#log,
      clock,
      random,
      follow: false,
      outsideEnds: this.#outside.promise,
      executor: null,
      notice: () => {},
      mask: (text: string) => text,
      telemetry: this.#telemetry,
      listeners: { log: () => {} },
      endpoints: {
        clock,
        random,
        stdin: Readable.from([]),
        stdout: nothing,
        notice: () => {},
        http: this.#http,
      },
    }
    const operators = this.#options.operators ?? noOperators
    const topics = promptFollower(this.#log.reader, clock)
    const outside = { operators: { ...operators, clock, random, http: this.#http, topics } }
    this.#run = await startRun([this.topology], { ...environment, ...outside }, this.#stop.signal)
    await this.settle()
  }

  /** Sends records to a stage with a source, or to a topic. */
  async send(to: string, records: readonly PushedRecord[]): Promise<void> {
    const source = this.#sources.get(to)
    if (source !== undefined) source.push(records)
    else await this.append(to, records)
    await this.settle()
  }

  async advance(byMs: number): Promise<void> {
    await this.clock.advance(byMs)
    await this.settle()
  }

  /** The peer of the sink of a stage answers so from now on, to one attempt after the other. */
  fail(stage: string, answers: readonly PeerAnswer[]): void {
    const peer = this.#peers.get(stage)
    invariant(peer !== undefined, `"${stage}" is a stage with a sink`)
    peer.plan(answers)
  }

  /** Calls over HTTP get these answers from now on. */
  stub(name: string, answers: readonly StubAnswer[]): void {
    this.#http.stub(name, answers)
  }

  /** Calls that had no stub, since the last look. */
  takeUnexpectedCalls(): readonly string[] {
    return this.#http.takeUnexpected()
  }

  /** Stops all tasks and starts them again from what was committed. */
  async restart(): Promise<void> {
    this.#stop.abort()
    await this.#run?.done
    await this.start()
  }

  /** Ends one source; the others go on. */
  async endSource(stage: string): Promise<void> {
    this.#sources.get(stage)?.end()
    await this.settle()
  }

  /** Ends all sources and waits for the pipeline to end. */
  async end(): Promise<void> {
    for (const source of this.#sources.values()) source.end()
    this.#outside.resolve()
    await this.settle()
    await this.#run?.done
    this.#throwIfFailed()
  }

  /** Stops without ending the sources. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#run?.done
  }

  report(): Promise<RunReport> {
    invariant(this.#run !== null, 'the driver was not started')
    return this.#run.report()
  }

  isSinkStage(stage: string): boolean {
    return this.#sinks.has(stage)
  }

  written(stage: string): readonly RecordBatch[] {
    return this.#sinks.get(stage) ?? []
  }

  /** All batches of a topic, partition by partition. */
  async stored(topic: string): Promise<readonly RecordBatch[]> {
    return (await this.storedByPartition(topic)).flat()
  }

  async storedByPartition(topic: string): Promise<readonly (readonly RecordBatch[])[]> {
    const found = (await this.#log.reader.topics()).find(({ name }) => name === topic)
    const ranges = found?.ranges ?? []
    return Promise.all(
      ranges.map(({ start }, partition) => this.#readAll(topic, { partition, offset: start })),
    )
  }

  /** Runs until every task waits for input and nothing lies ahead of any. */
  async settle(): Promise<void> {
    let quiet = 0
    let calledMs = 0
    for (let turn = 0; quiet < quietTurns && calledMs < maxCallMs; turn++) {
      const isCalling = this.#calls > 0 && turn > promptTurns
      if (isCalling) calledMs += 1
      await new Promise((resolve) => {
        if (isCalling) setTimeout(resolve, 1)
        else setImmediate(resolve)
      })
      this.#throwIfFailed()
      quiet = !this.#isPausing && (await this.#isQuiet()) ? quiet + 1 : 0
      // Nobody can say how long a pause is that is drawn by chance: it passes by itself.
      const isPausing = this.#isPausing || (turn > promptTurns && this.#isBetweenCalls)
      if (isPausing && turn % pauseTurns === 0) await this.clock.advance(pauseStepMs)
      if (turn > maxTurns)
        throw new PipelineError('INVARIANT', 'the pipeline does not come to rest')
    }
  }

  /** Whether a sink waits to try again, until its peer is well. */
  get #isPausing(): boolean {
    return this.#peers.values().some(({ hasFailed }) => hasFailed)
  }

  /** Whether a step waits to call again about a record that its peer has rejected. */
  get #isBetweenCalls(): boolean {
    const tasks = this.#run?.runs.flatMap((run) => run.tasks) ?? []
    return this.#calls === 0 && tasks.some(({ phase }) => phase === 'working')
  }

  async #isQuiet(): Promise<boolean> {
    for (const task of this.#run?.runs.flatMap(({ tasks }) => tasks) ?? []) {
      if (task.phase === 'starting' || task.phase === 'working') return false
      if (task.phase === 'waiting' && (await task.lag()) > 0) return false
    }
    return [...this.#sources.values()].every(({ isEmpty }) => isEmpty)
  }

  #throwIfFailed(): void {
    for (const { error } of this.#run?.runs ?? []) if (error !== null) throw error
  }

  async #readAll(
    topic: string,
    from: { partition: number; offset: bigint },
  ): Promise<RecordBatch[]> {
    const batches: RecordBatch[] = []
    for (let { offset } = from; ;) {
      const read = await this.#log.reader.read(
        { topic, partition: from.partition, offset },
        Number.MAX_SAFE_INTEGER,
      )
      if (read.length === 0) return batches
      batches.push(...read.map(({ batch }) => batch))
      offset = read.at(-1)!.next
    }
  }

  /** Writes to a topic, whether the pipeline is running or not. */
  async append(topic: string, records: readonly PushedRecord[]): Promise<void> {
    const partitions = this.topology.topics.find(({ name }) => name === topic)?.partitions
    if (partitions === undefined) {
      throw new PipelineError(
        'CONFIG_USAGE',
        `"${topic}" is neither a stage with a source nor a topic of the pipeline`,
      )
    }
    const builders = new Map<number, RecordBatchBuilder>()
    for (const { key, value, headers, timestampMs } of records) {
      const partition =
        key === null ? this.#nextPartition(topic, partitions) : partitionOf(key, partitions)
      const builder =
        builders.get(partition) ?? new RecordBatchBuilder(this.#writerOf(topic, partition))
      builders.set(partition, builder)
      const nowUs = this.clock.monotonicUs()
      const times = {
        timestampMs: timestampMs ?? this.clock.wallMs(),
        eventTimeMs: Number.NaN,
        ingestUs: nowUs,
        waitUs: 0,
        runUs: 0,
      }
      builder.append({ key, value, headers: encodeHeaders(headers), times })
    }
    const outputs = [...builders].map(([partition, builder]) => ({
      topic,
      partition,
      batch: builder.finish(),
    }))
    const task = await this.#log.openTask({
      id: '$test/0',
      group: '$test',
      inputs: [],
      start: 'earliest',
    })
    await task.commit({ outputs, state: [], next: [] })
    await task.close()
  }

  #nextPartition(topic: string, partitions: number): number {
    const next = this.#roundRobin.get(topic) ?? 0
    this.#roundRobin.set(topic, (next + 1) % partitions)
    return next
  }

  /** What is sent to a topic counts as written by its stage, so that it moves the watermark of readers. */
  #writerOf(topic: string, partition: number): string {
    const isReplay = this.topology.topics.some(
      ({ name, kind }) => name === topic && kind === 'replay',
    )
    if (isReplay) return replayTask(topic)
    for (const node of this.topology.nodes) {
      const output = outputTopicsOf(node).find((each) => each.topic === topic)
      if (output === undefined) continue
      return taskId(this.topology, node, output.samePartition && node.tasks > 1 ? partition : 0)
    }
    return ''
  }

  #isolate(node: StageNode): StageNode {
    const isolated = { ...node, steps: node.steps.map((step) => this.#watch(node.stage, step)) }
    if (node.input.kind === 'source') {
      const queue = new PushQueue(this.clock)
      this.#sources.set(node.stage, queue)
      isolated.input = { kind: 'source', definition: pushSource(queue), config: null }
    }
    if (node.output?.kind === 'sink') {
      const written: RecordBatch[] = []
      const peer = new FailingPeer(node.settings.retry.max)
      this.#sinks.set(node.stage, written)
      this.#peers.set(node.stage, peer)
      const { key } = node.output
      isolated.output = { kind: 'sink', definition: captureSink(written, peer), config: null, key }
    }
    return isolated
  }

  #watch(stage: string, step: NodeStep): NodeStep {
    const { definition } = step
    if (definition.kind !== 'async') return step
    const watched: AsyncDefinition = {
      ...definition,
      create: async (config, environment, place) => {
        const stub = this.#options.stub?.(stage, step) ?? null
        if (stub !== null) return stub
        return this.#counting(await definition.create(config, environment, place))
      },
    }
    return { ...step, definition: watched }
  }

  /** The operator itself, with its calls counted while they are under way. */
  #counting(operator: AsyncOperator): AsyncOperator {
    const process: AsyncOperator['process'] = (record, call) => {
      const result = operator.process(record, call)
      if (!(result instanceof Promise)) return result
      this.#calls += 1
      return result.finally(() => {
        this.#calls -= 1
      })
    }
    const close = () => operator.close()
    return operator.inFlight === undefined
      ? { process, close }
      : { process, close, inFlight: operator.inFlight }
  }

  #listen(stage: string, on: readonly HookEventName[]): Topology['hooks'][number] {
    const listener: ListenerDefinition = {
      type: 'capture',
      summary: 'Keeps all events.',
      config: z.unknown(),
      examples: [{ title: 'no setting', config: null }],
      create: () => ({ notify: (event) => void this.events.push(event) }),
    }
    return {
      stage,
      on,
      when: null,
      listener,
      config: null,
      name: listener.type,
      reliable: false,
      node: null,
      delivery: defaultHookLimits,
    }
  }
}
