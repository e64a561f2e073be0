import type { ErrorCode } from '../../core/errors.ts'
import type { StateChange, TaskSpec, TopicChange, TopicSpec } from '../../core/log.ts'

export interface WriterThreadData {
  readonly directory: string
  readonly failpoint: string | undefined
}

/** A `TaskCommit` as the writer thread gets it: partitions by id, offsets as numbers. */
export interface StoredCommit {
  /** Number and epoch that `openTask` returned. */
  readonly task: number
  readonly epoch: number
  readonly outputs: readonly { readonly partitionId: number; readonly bytes: Uint8Array }[]
  readonly state: readonly StateChange[]
  readonly next: readonly { readonly partitionId: number; readonly offset: number }[]
}

/** When an earlier commit became visible. */
export interface VisibleCommit {
  readonly seq: number
  readonly visibleUs: number
}

export interface OpenedTask {
  readonly task: number
  readonly epoch: number
  readonly positions: readonly number[]
}

export interface AppliedGroup {
  /** Number of the commit; null when the group wrote no batch. */
  readonly seq: number | null
  /** By commit of the group: null when it was applied. */
  readonly refusals: readonly (WireError | null)[]
  /** The partitions that grew, with their new ends. */
  readonly ends: readonly { readonly partitionId: number; readonly next: number }[]
}

export interface RetainedChunk {
  readonly starts: readonly { readonly partitionId: number; readonly start: number }[]
  readonly isDone: boolean
}

/** What can be asked of the storage besides commits, with what it returns. */
export interface StorageCalls {
  openTask(task: Omit<TaskSpec, 'inputs'> & { readonly inputs: readonly number[] }): OpenedTask
  ensureTopics(topics: readonly TopicSpec[]): void
  alterTopic(change: TopicChange): void
  reset(what: { readonly topics: readonly string[]; readonly groups: readonly string[] }): void
  storeManifest(of: { readonly pipeline: string; readonly manifest: string }): void
  /** One bounded chunk of what retention allows to be removed at `nowMs`. */
  retain(at: { readonly nowMs: number }): RetainedChunk
  close(last: { readonly visible: readonly VisibleCommit[] }): void
}

export type CallRequest = {
  [Name in keyof StorageCalls]: {
    readonly kind: Name
    readonly ref: number
    readonly argument: Parameters<StorageCalls[Name]>[0]
  }
}[keyof StorageCalls]

export interface CommitRequest {
  readonly kind: 'commit'
  readonly ref: number
  readonly commit: StoredCommit
  readonly visible: readonly VisibleCommit[]
}

export type WriterRequest = CommitRequest | CallRequest

/** Errors lose their class between threads. */
export interface WireError {
  readonly code: ErrorCode
  readonly message: string
}

export type WriterResponse =
  | { readonly kind: 'ready' }
  /** Opening went wrong; the thread ends. */
  | { readonly kind: 'unopened'; readonly error: WireError }
  | { readonly kind: 'applied'; readonly refs: readonly number[]; readonly group: AppliedGroup }
  | { readonly kind: 'done'; readonly ref: number; readonly value: unknown }
  | { readonly kind: 'failed'; readonly ref: number; readonly error: WireError }
  | { readonly kind: 'notice'; readonly message: string }
  /** Nothing can be written any more; every pending and later request fails with this. */
  | { readonly kind: 'broken'; readonly error: WireError }
