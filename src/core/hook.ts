import type { z } from 'zod'
import type { Clock } from './clock.ts'
import type { HttpClient } from './http-client.ts'
import type { JsonObject, JsonValue } from './json.ts'
import type { ProcessRunner } from './process-runner.ts'
import type { ClientRooms } from './push-rooms.ts'

/** The closed list of events, with what each says. Schema, reference and types come from its keys. */
export const hookEvents = {
  stage_started: 'A stage has opened its tasks and begins to work.',
  batch_processed: 'A slice of records has been committed.',
  record_processed: 'A record has been emitted or absorbed.',
  record_filtered: 'A record was dropped by a filter, as a duplicate or by `on_error: skip`.',
  record_failed: 'A record failed in a step or in the sink.',
  record_retried: 'A record or slice is tried again.',
  record_dead_lettered: 'A record went to the dead-letter topic.',
  record_late: 'A record came after all its windows had closed.',
  window_closed: 'A window was closed and its result emitted.',
  condition_raised: 'A detected condition has begun.',
  condition_cleared: 'A detected condition is over.',
  stage_blocked: 'A stage waits for a peer or for room on the disk.',
  stage_unblocked: 'A blocked stage works again.',
  lag_exceeded: 'More records wait for a stage than `limits.lag` allows.',
  delay_exceeded: 'A record waited longer for a stage than `limits.delay` allows.',
  stage_stopped: 'A stage has stopped.',
} as const
export type HookEventName = keyof typeof hookEvents

export interface HookEvent {
  /**
   * Of this event alone. One that is told again, by a listener that is called again or a slice that is worked
   * on again after a crash, has the same.
   */
  readonly id: string
  readonly event: HookEventName
  readonly pipeline: string
  readonly stage: string
  /** Epoch ms. */
  readonly timeMs: number
  /**
   * Facts of this event, such as `code`, `message`, `topic`, `partition`, `offset`, `records`; `trace_id` and
   * `span_id` of what it is about, and `linked_trace_id` and `linked_span_id` where another trace came with it.
   */
  readonly data: JsonObject
  /** The record's value, where the event has one. */
  readonly value: JsonValue
}

/** What the process has for listeners. */
export interface ListenerServices {
  /** Writes one line to the log of the process. */
  readonly log: (level: LogLevel, message: string, fields: JsonObject) => void
  /** Absent where nothing outside is reached. */
  readonly http?: HttpClient
  readonly processes?: ProcessRunner
  /** Absent where nobody connects. */
  readonly rooms?: ClientRooms
}

export interface ListenerEnvironment extends ListenerServices {
  readonly clock: Clock
  readonly topics: TopicAppender
  /** Whether an event that the listener throws over is given to it again. */
  readonly isReliable: boolean
}

/** Writes to topics of the pipeline's log, beside all tasks. */
export interface TopicAppender {
  /**
   * Resolves once the record is durable.
   * @throws PipelineError as commits do; RECORD_TOO_LARGE
   */
  append(topic: string, record: AppendedEvent): Promise<void>
}

export interface AppendedEvent {
  readonly key: string | null
  readonly value: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** Epoch ms. */
  readonly eventTimeMs: number
}

export const logLevels = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof logLevels)[number]

export interface Listener {
  /**
   * The signal is aborted when the listener's deadline has passed; its result is then ignored.
   * @throws anything. PEER_UNAVAILABLE, or an error with the code of a broken connection, says that another
   * event would fare no better: a reliable hook then waits and tries for ever.
   */
  notify(event: HookEvent, signal: AbortSignal): Promise<void> | void
  close?(): Promise<void> | void
}

export interface ListenerDefinition<
  Type extends string = string,
  Config extends z.ZodType = z.ZodType,
> {
  /** The word under `do:`, and the name of the definition's file. */
  readonly type: Type
  readonly summary: string
  readonly config: Config
  readonly examples: readonly [
    { readonly title: string; readonly config: unknown },
    ...{ readonly title: string; readonly config: unknown }[],
  ]
  /** Paths of settings that are given as `${secret:NAME}` only; one may be a list of such. */
  readonly secrets?: readonly (readonly string[])[]
  /** Topics that it writes. */
  topics?(config: z.output<Config>): readonly string[]
  /** @throws PipelineError CONFIG_FILE when a module cannot be loaded. */
  create(config: z.output<Config>, environment: ListenerEnvironment): Promise<Listener> | Listener
}

export function defineListener<Type extends string, Config extends z.ZodType>(
  definition: ListenerDefinition<Type, Config>,
): ListenerDefinition<Type, Config> {
  return definition
}
