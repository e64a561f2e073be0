import { cloudEventsType, encodeCloudEvent } from '../core/cloud-event.ts'
import type { Clock } from '../core/clock.ts'
import type { HookEvent, HookEventName } from '../core/hook.ts'
import type { TaskCommit } from '../core/log.ts'
import { encodeHeaders } from '../core/record-batch.ts'
import type { StageHook } from '../topology/topology.ts'
import type { HeldEvent } from './held-event.ts'
import { hookCondition } from './hook-condition.ts'
import { OutputCollector } from './output-collector.ts'
import type { RecordLimits } from './record-limits.ts'

export interface EventWriterOptions {
  readonly topic: string
  readonly partitions: number
  /** The reliable ones of the stage. */
  readonly hooks: readonly Pick<StageHook, 'on' | 'when'>[]
  readonly taskId: string
  readonly taskIndex: number
  readonly clock: Clock
  /** Replaces secrets in a text. */
  readonly mask: (text: string) => string
}

/** Of a log that knows no limit: as large as Kafka's default. */
const maxEventBytes = 1_000_000
/** Of headers, and of what a log adds to a record. */
const frameBytes = 256

/** Makes records of the events that reliable hooks of a stage listen to. */
export class EventWriter {
  readonly #options: EventWriterOptions
  readonly #names: ReadonlySet<HookEventName>
  readonly #asked: readonly { on: readonly HookEventName[]; when: Condition | null }[]
  readonly #collector: OutputCollector

  constructor(options: EventWriterOptions) {
    this.#options = options
    this.#names = new Set(options.hooks.flatMap(({ on }) => on))
    this.#asked = options.hooks.map(({ on, when }) => ({
      on,
      when: when === null ? null : hookCondition(when),
    }))
    this.#collector = new OutputCollector(options.taskId)
  }

  wants(event: HookEventName): boolean {
    return this.#names.has(event)
  }

  /** Events that no hook asks for are left out; the others keep their order, in one partition each. */
  write(events: readonly HeldEvent[], limits: RecordLimits): TaskCommit['outputs'] {
    const { topic, partitions } = this.#options
    const builders = this.#collector.topic(topic, partitions)
    const maxBytes = Math.min(maxEventBytes, limits.of(topic)) - frameBytes
    for (const { event, cause } of events) {
      if (!this.#isAsked(event)) continue
      const isSampled =
        cause !== null && ((cause.record?.traced ?? null) !== null || cause.links.length > 0)
      const value = encodeCloudEvent(this.#masked(event), isSampled, maxBytes)
      builders.append(this.#partitionOf(event) % partitions, {
        key: null,
        value,
        headers: eventHeaders,
        times: this.#timesOf(event),
      })
    }
    return this.#collector.take()
  }

  /** A condition that cannot be evaluated is judged again, and told, where the event is delivered. */
  #isAsked(event: HookEvent): boolean {
    return this.#asked.some(({ on, when }) => {
      if (!on.includes(event.event)) return false
      try {
        return when === null || when(event) === true
      } catch {
        return true
      }
    })
  }

  /** Of its record, so that events keep the order of records; else of the task. */
  #partitionOf({ data }: HookEvent): number {
    const { partition } = data
    return typeof partition === 'number' ? partition : this.#options.taskIndex
  }

  #masked(event: HookEvent): HookEvent {
    const { message } = event.data
    if (typeof message !== 'string') return event
    return { ...event, data: { ...event.data, message: this.#options.mask(message) } }
  }

  #timesOf({ timeMs }: HookEvent) {
    const { clock } = this.#options
    const ingestUs = clock.monotonicUs()
    return { timestampMs: clock.wallMs(), eventTimeMs: timeMs, ingestUs, waitUs: 0, runUs: 0 }
  }
}

type Condition = ReturnType<typeof hookCondition>

const eventHeaders = encodeHeaders([['content-type', cloudEventsType]])
