import type { TopicPartition } from '../../../core/log.ts'
import type { RecordBatch } from '../../../core/record-batch.ts'

/** The changelog that a cache is of. */
export interface CachedChangelog extends TopicPartition {
  readonly topicId: string
}

/** Up to where a cache holds its changelog. */
export interface CacheMark {
  /** Of all records before it the cache has the last ones of their keys; of those behind it, none. */
  readonly offset: bigint
  /** A wall time at which nothing behind the offset had been written yet, epoch ms. */
  readonly freshMs: number
}

/**
 * What a changelog comes to up to an offset, in a file on this machine that this process alone uses. It is
 * only worth time: the changelog has all of it, and a cache that is in doubt is empty.
 */
export interface StateCache {
  /** null: it is empty. */
  readonly mark: CacheMark | null
  /**
   * Hands out all entries, as texts of the changelog's records.
   * @returns false when they are not what was written: forget those that were handed out.
   */
  read(visit: (keyText: string, valueText: string) => void): Promise<boolean>
  /**
   * Takes over the records that follow the mark; their memory goes with them.
   * @returns false when the cache cannot be written any more.
   */
  apply(batches: readonly RecordBatch[], mark: CacheMark): Promise<boolean>
  clear(): Promise<void>
  close(): Promise<void>
}

/** The caches of one process. */
export interface StateCaches {
  /** null: there is none to be used, as while another process uses it. */
  open(changelog: CachedChangelog): Promise<StateCache | null>
  close(): Promise<void>
}
