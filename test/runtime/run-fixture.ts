import { Readable, Writable } from 'node:stream'
import { z } from 'zod'
import type {
  Sink,
  SinkDefinition,
  SinkReceipt,
  Source,
  SourceDefinition,
} from '../../src/core/endpoints.ts'
import type { HookEvent, ListenerDefinition } from '../../src/core/hook.ts'
import type { JsonValue } from '../../src/core/json.ts'
import type { Log, TaskLog, TaskSpec } from '../../src/core/log.ts'
import type { OperatorDefinition } from '../../src/core/operator.ts'
import { RecordBatchBuilder } from '../../src/core/record-batch-builder.ts'
import { emptyBytes, type RecordBatch } from '../../src/core/record-batch.ts'
import type { Telemetry } from '../../src/core/telemetry.ts'
import type { WorkGroup } from '../../src/core/work-group.ts'
import { MemoryLog } from '../../src/logs/memory-log.ts'
import { type Run, startRun } from '../../src/runtime/start-run.ts'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'
import type { Topology } from '../../src/topology/topology.ts'
import {
  compileText,
  definitions,
  messageOfProblem,
  recordsOf,
  type SeenRecord,
  startMs,
} from '../simulation/pipeline-fixture.ts'

export function noProcess(): never {
  throw new TypeError('no process runs in these tests')
}

/** Every look at it takes some time, as if the work between two looks had. */
export class WorkingClock extends VirtualClock {
  #workedUs = 0

  override monotonicUs(): number {
    this.#workedUs += 3
    return super.monotonicUs() + this.#workedUs
  }
}

interface SourcePlan {
  readonly values: readonly JsonValue[]
  readonly sliceSize: number
  readonly bounded?: boolean
  /** Of every record, encoded. */
  readonly headers?: Uint8Array
  /** Indexes of values that the source cannot read. */
  readonly unreadable?: readonly number[]
  /** Called before each slice; may wait or throw. */
  readonly before?: (at: number) => Promise<void> | void
}

/** Reads its values in slices, and on from its position after a restart. */
export function plannedSource(
  type: string,
  plan: SourcePlan,
  clock: VirtualClock,
): SourceDefinition {
  const common = {
    summary: 'Values of a test.',
    config: z.unknown(),
    examples: [{ title: 'any', config: 1 }] as const,
  }
  return {
    ...common,
    examples: [common.examples[0]],
    type,
    files: () => [],
    replayable: true,
    bounded: () => plan.bounded ?? true,
    create: (_config, _environment, positions): Source => {
      let at = Number(positions.get('values') ?? 0)
      return {
        async read({ signal }) {
          await plan.before?.(at)
          if (signal.aborted) return null
          if (at >= plan.values.length) {
            if (plan.bounded ?? true) return null
            await clock.sleep(Number.POSITIVE_INFINITY, signal)
            return null
          }
          const from = at
          at = Math.min(at + plan.sliceSize, plan.values.length)
          const builder = new RecordBatchBuilder('')
          for (const value of plan.values.slice(from, at)) {
            const times = {
              timestampMs: clock.wallMs(),
              eventTimeMs: Number.NaN,
              ingestUs: clock.monotonicUs(),
              waitUs: 0,
              runUs: 0,
            }
            builder.append({
              key: null,
              value: JSON.stringify(value),
              headers: plan.headers ?? emptyBytes,
              times,
            })
          }
          const failures = (plan.unreadable ?? [])
            .filter((index) => index >= from && index < at)
            .map((index) => ({
              index: index - from,
              code: 'RECORD_PARSE' as const,
              message: `line ${index + 1} is broken`,
            }))
          return {
            batch: builder.finish(),
            failures,
            positions: new Map([['values', at]]),
            info: (index) => ({ line: from + index + 1 }),
          }
        },
        close: async () => {},
      }
    },
  }
}

type Write = (
  batch: RecordBatch,
  attempt: number,
) => SinkReceipt['failures'] | Promise<SinkReceipt['failures']>

/** Keeps what is written, unless `write` throws; refuses the records that it names. */
export function plannedSink(type: string, write: Write) {
  const written: RecordBatch[] = []
  let attempts = 0
  const definition: SinkDefinition = {
    type,
    summary: 'Keeps what is written.',
    config: z.unknown(),
    examples: [{ title: 'any', config: 1 }],
    reset: () => Promise.resolve(),
    delivery: 'at_least_once',
    singleTask: () => false,
    files: () => [],
    create: (): Sink => ({
      begin: async () => null,
      async write(batch) {
        attempts += 1
        const failures = await write(batch, attempts)
        written.push(batch)
        return { memory: attempts, failures }
      },
      close: async () => {},
    }),
  }
  return {
    definition,
    values: () => recordsOf(written).map(({ value }) => value),
    attempts: () => attempts,
  }
}

/** Keeps all events, after doing what the test says. */
export function plannedListener(
  type: string,
  notify: (event: HookEvent, signal: AbortSignal) => Promise<void> | void = () => {},
) {
  const events: HookEvent[] = []
  const definition: ListenerDefinition = {
    type,
    summary: 'Keeps all events.',
    config: z.unknown(),
    examples: [{ title: 'any', config: 1 }],
    create: () => ({
      notify: (event, signal) => {
        events.push(event)
        return notify(event, signal)
      },
    }),
  }
  return { definition, events }
}

export interface StartOptions {
  readonly follow?: boolean
  readonly beforeCommit?: (task: string) => Promise<void>
  readonly telemetry?: Telemetry
}

/** The log of one data directory, and the runs over it. */
export class RunBench {
  readonly clock: VirtualClock
  readonly log: MemoryLog
  readonly notices: string[] = []
  #stop = new AbortController()

  constructor(clock: VirtualClock = new VirtualClock(startMs)) {
    this.clock = clock
    this.log = new MemoryLog({ clock })
  }

  topology(
    text: string,
    more: {
      sources?: readonly SourceDefinition[]
      sinks?: readonly SinkDefinition[]
      listeners?: readonly ListenerDefinition[]
      operators?: readonly OperatorDefinition[]
      partitions?: number
    },
  ): Topology {
    const { topology, problems } = compileText(text, {
      ...(more.partitions === undefined ? {} : { partitions: more.partitions }),
      definitions: {
        operators: [...definitions.operators, ...(more.operators ?? [])],
        sources: [...definitions.sources, ...(more.sources ?? [])],
        sinks: [...definitions.sinks, ...(more.sinks ?? [])],
        listeners: [...definitions.listeners, ...(more.listeners ?? [])],
      },
    })
    const errors = problems.filter(({ severity }) => severity === 'error')
    if (errors.length > 0) throw new TypeError(errors.map(messageOfProblem).join('\n'))
    return topology
  }

  /** @param options.beforeCommit called with the task's id; commits wait for it, as for a full disk. */
  start(topologies: readonly Topology[], options: StartOptions = {}): Promise<Run> {
    this.#stop = new AbortController()
    return this.startWorker(topologies, { ...options, signal: this.#stop.signal })
  }

  /** As `start`, for one of several that run at the same time. */
  startWorker(
    topologies: readonly Topology[],
    options: StartOptions & { readonly group?: WorkGroup; readonly signal: AbortSignal },
  ): Promise<Run> {
    const { clock } = this
    const gatedLog = gated(this.log, options.beforeCommit ?? (() => Promise.resolve()))
    const log = options.group === undefined ? gatedLog : { ...gatedLog, group: options.group }
    const random = new SeededRandom(7)
    const stdout = new Writable({ write: (_chunk, _encoding, done) => done() })
    const environment = {
      log,
      clock,
      random,
      notice: (message: string) => void this.notices.push(message),
      follow: options.follow ?? false,
      outsideEnds: null,
      executor: null,
      mask: (text: string) => text,
      telemetry: options.telemetry ?? { sliceCommitted: () => {} },
      operators: { clock, random, log: () => {}, spawn: noProcess },
      listeners: { log: () => {} },
      endpoints: { clock, random, stdin: Readable.from([]), stdout, notice: () => {} },
    }
    return startRun(topologies, environment, options.signal)
  }

  stop(): void {
    this.#stop.abort()
  }

  async records(topic: string): Promise<SeenRecord[]> {
    const found = (await this.log.reader.topics()).find(({ name }) => name === topic)
    const batches: RecordBatch[] = []
    for (const [partition, { start }] of (found?.ranges ?? []).entries()) {
      for (let offset = start; ;) {
        const read = await this.log.reader.read(
          { topic, partition, offset },
          Number.MAX_SAFE_INTEGER,
        )
        if (read.length === 0) break
        batches.push(...read.map(({ batch }) => batch))
        offset = read.at(-1)!.next
      }
    }
    return recordsOf(batches)
  }
}

function gated(log: Log, beforeCommit: (task: string) => Promise<void>): Log {
  return withTasks(log, (task, { id }) => ({
    async commit(result) {
      await beforeCommit(id)
      return task.commit(result)
    },
  }))
}

/** A log whose tasks do some things in another way. */
export function withTasks(
  log: Log,
  change: (task: TaskLog, spec: TaskSpec) => Partial<TaskLog>,
): Log {
  return {
    reader: log.reader,
    admin: log.admin,
    close: () => log.close(),
    async openTask(spec) {
      const task = await log.openTask(spec)
      const same: TaskLog = {
        get positions() {
          return task.positions
        },
        restore: () => task.restore(),
        pull: (request) => task.pull(request),
        commit: (result) => task.commit(result),
        lag: () => task.lag(),
        close: () => task.close(),
        ...(task.recordLimits === undefined
          ? {}
          : { recordLimits: (topics: readonly string[]) => task.recordLimits!(topics) }),
      }
      return Object.assign(same, change(task, spec))
    },
  }
}

const maxTurns = 20_000

/** Lets the event loop turn until it holds; no time passes. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < maxTurns; turn++) {
    if (await holds()) return
    await turnOfTheLoop()
  }
  throw new TypeError('it never came to hold')
}

export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await turnOfTheLoop()
}

function turnOfTheLoop(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
