import type { CacheMark } from './state-cache.ts'

/** Kafka's own. */
const defaultTombstoneMs = 24 * 60 * 60_000
/** Clocks of brokers are not this machine's. */
const trustedPart = 0.8
/** A transaction's marker is all that may follow the last record. */
const markerOffsets = 1n

/**
 * How long a cache may stay behind its changelog: brokers remove the records that say that an entry is gone
 * (`delete.retention.ms`), and a cache that has not read them would keep the entry.
 */
export class CacheAge {
  readonly #limitMs: number

  /** @param config the topic's settings, without Kafka's defaults. */
  constructor(config: ReadonlyMap<string, string> | undefined) {
    const tombstoneMs = Number(config?.get('delete.retention.ms') ?? defaultTombstoneMs)
    this.#limitMs = trustedPart * (Number.isFinite(tombstoneMs) ? tombstoneMs : 0)
  }

  /** Whether nothing behind the mark can have been removed unread. */
  allows({ offset, freshMs }: CacheMark, end: bigint, nowMs: number): boolean {
    if (offset > end) return false
    // Nothing was written since, however long that is.
    if (end - offset <= markerOffsets) return true
    const ageMs = nowMs - freshMs
    return ageMs >= 0 && ageMs < this.#limitMs
  }
}
