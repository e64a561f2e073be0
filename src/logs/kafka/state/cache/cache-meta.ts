import { decodeJson, encodeJson, isJsonObject } from '../../../../core/json.ts'
import type { CachedChangelog, CacheMark } from '../state-cache.ts'

/** Raised whenever an older version could not read what this one writes, or the other way round. */
const formatVersion = 1

export interface CacheMeta extends CacheMark {
  /** Number of the next chunk. */
  readonly next: number
  /** How many chunks there are, and the sum of their checksums. */
  readonly rows: number
  readonly sum: number
}

export function encodeMeta(meta: CacheMeta, changelog: CachedChangelog): string {
  const { offset, freshMs, next, rows, sum } = meta
  const { topic, topicId, partition } = changelog
  const numbers = { fresh_ms: freshMs, next, rows, sum }
  const place = { topic, topic_id: topicId, partition }
  return encodeJson({ version: formatVersion, ...place, offset: `${offset}`, ...numbers })
}

/** null for what is of another changelog, or of another version. */
export function decodeMeta(text: string, changelog: CachedChangelog): CacheMeta | null {
  const value = decodeJson(text)
  if (!isJsonObject(value) || value['version'] !== formatVersion) return null
  const { topic, topic_id: topicId, partition, offset, fresh_ms: freshMs, next, rows, sum } = value
  const isOurs =
    topic === changelog.topic && topicId === changelog.topicId && partition === changelog.partition
  if (!isOurs || typeof offset !== 'string' || typeof freshMs !== 'number') return null
  if (typeof next !== 'number' || typeof rows !== 'number' || typeof sum !== 'number') return null
  return { offset: BigInt(offset), freshMs, next, rows, sum }
}
