import type { CachedChangelog, CacheMark } from '../state-cache.ts'

/** A part of a cache's entries: the chunks in their order, later records of a key replace earlier ones. */
export interface Bucket {
  readonly chunks: readonly Uint8Array[]
  /** Whether each key has one record, and none is gone. */
  readonly isMerged: boolean
  readonly isLast: boolean
}

/** What the thread does; `file` is a number that the caller gives. */
export interface CacheCalls {
  /** @returns null while another process uses the cache. */
  open(of: { readonly path: string; readonly changelog: CachedChangelog }): OpenedCache | null
  /** @returns null when the cache is damaged. From bucket 0 to the last one. */
  read(of: { readonly bucket: number }): Bucket | null
  /** @returns whether it was written. */
  apply(of: { readonly batches: readonly Uint8Array[]; readonly mark: CacheMark }): boolean
  clear(of: Record<string, never>): boolean
  close(of: Record<string, never>): boolean
}

export interface OpenedCache {
  readonly mark: CacheMark | null
  /** Why there is no cache; null: there is. */
  readonly problem: string | null
}

export type CacheCall = keyof CacheCalls

export interface CacheRequest<Call extends CacheCall = CacheCall> {
  readonly ref: number
  readonly file: number
  readonly call: Call
  readonly argument: Parameters<CacheCalls[Call]>[0]
}

/** What is handed over to the other thread, and gone here. */
export function buffersOf(parts: readonly Uint8Array[]): ArrayBuffer[] {
  return parts.map(({ buffer }) => buffer).filter((buffer) => buffer instanceof ArrayBuffer)
}

export interface CacheResponse {
  readonly ref: number
  readonly answer: ReturnType<CacheCalls[CacheCall]>
}
