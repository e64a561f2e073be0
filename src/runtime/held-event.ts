import type { HookEvent } from '../core/hook.ts'
import type { EventCause } from './hook-tracing.ts'

/** An event whose cause is not committed yet. */
export interface HeldEvent {
  readonly event: HookEvent
  /** null: nothing is traced. */
  readonly cause: EventCause | null
}

/** Commits events that have no record as their cause. */
export interface HeldEventCommits {
  add(event: HeldEvent): void
  /** Resolves when all are committed. @throws PipelineError what a commit met. */
  done(): Promise<void>
}
