import type { z } from 'zod'
import type { HttpClient } from './http-client.ts'
import type { JsonObject, JsonValue } from './json.ts'

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

export interface ListenerEnvironment {
  /** Writes one line to the log of the process. */
  readonly log: (level: LogLevel, message: string, fields: JsonObject) => void
  /** Requests to others; absent where nothing outside is reached. */
  readonly http?: HttpClient
}

export const logLevels = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof logLevels)[number]

export interface Listener {
  /** Aborted when the listener's deadline has passed; its result is then ignored. */
  notify(event: HookEvent, signal: AbortSignal): Promise<void> | void
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
  /** @throws PipelineError CONFIG_FILE when a module cannot be loaded. */
  create(config: z.output<Config>, environment: ListenerEnvironment): Promise<Listener> | Listener
}

export function defineListener<Type extends string, Config extends z.ZodType>(
  definition: ListenerDefinition<Type, Config>,
): ListenerDefinition<Type, Config> {
  return definition
}
