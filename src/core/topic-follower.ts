import type { SliceBatch } from './log.ts'

export interface FollowRequest {
  readonly topic: string
  /** `latest`: from where the partitions end when the first wait begins. */
  readonly start: 'earliest' | 'latest'
  readonly signal: AbortSignal
  /** Called once it stands at its start: all that becomes visible from then on is given. */
  readonly onOpen?: () => void
  /** `earliest`: called once all that was there at the beginning has been taken. */
  readonly onCaughtUp?: () => void
}

/** Reads topics of the log beside all tasks: without a group, without positions, what is committed only. */
export interface TopicFollower {
  /**
   * Batches of all partitions as they become visible, in order within a partition; ends when the signal
   * aborts. Several followers of one topic share what is read.
   * @throws PipelineError as reading the log does.
   */
  follow(request: FollowRequest): AsyncIterable<SliceBatch>
}
