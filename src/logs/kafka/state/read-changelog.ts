import { PipelineError } from '../../../core/errors.ts'
import type { SliceBatch, StateChange, TopicPartition } from '../../../core/log.ts'
import { rangeOf, scanRange, type PartitionRange, type ScanContext } from '../partition-scan.ts'
import { commitKey, decodeChange, decodeNote, type CommitNote } from './changelog-records.ts'
import type { CacheAge } from './cache-age.ts'
import type { StateCache } from './state-cache.ts'

export interface UsableCache {
  readonly cache: StateCache
  readonly age: CacheAge
}

export interface ChangelogContent {
  /** The state, entry by entry. */
  readonly entries: readonly StateChange[]
  /** What the last commit said about itself; null: there was none. */
  readonly note: CommitNote | null
  /** The offset after what was read. */
  readonly end: bigint
}

/**
 * All of a changelog, as far as possible from `cache`. To be called once nobody else can commit any more.
 * @throws PipelineError LOG_POSITION_LOST, LOG_CORRUPT, LOG_VERSION; KafkaError
 */
export async function readChangelog(
  context: ScanContext,
  place: TopicPartition,
  usable: UsableCache | null,
): Promise<ChangelogContent> {
  const range = await rangeOf(context, place)
  if (range.start > 0n) throw stateRemoved(place, range.start)
  if (usable !== null && usable.cache.mark !== null) {
    const content = await readOnFromCache(context, place, { ...usable, range })
    if (content !== null) return content
    await usable.cache.clear()
  }
  const texts = new Map<string, string>()
  const end = await scanTexts(context, { ...place, from: 0n, to: range.end }, (key, value) => {
    if (value === null) texts.delete(key)
    else texts.set(key, value)
  })
  const note = texts.get(commitKey)
  texts.delete(commitKey)
  const entries: StateChange[] = []
  for (const [key, value] of texts) entries.push(decodeChange(key, value))
  return { entries, note: note === undefined ? null : decodeNote(note), end }
}

/** null: the cache is too old, not of this changelog, or damaged. */
async function readOnFromCache(
  context: ScanContext,
  place: TopicPartition,
  { cache, age, range }: UsableCache & { readonly range: PartitionRange },
): Promise<ChangelogContent | null> {
  const mark = cache.mark!
  if (!age.allows(mark, range.end, context.clock.wallMs())) return null
  const from = mark.offset
  const changed = new Map<string, string | null>()
  const end = await scanTexts(context, { ...place, from, to: range.end }, (key, value) =>
    changed.set(key, value),
  )
  const entries: StateChange[] = []
  let cachedNote: string | null = null
  const isIntact = await cache.read((key, value) => {
    if (key === commitKey) cachedNote = value
    else if (!changed.has(key)) entries.push(decodeChange(key, value))
  })
  if (!isIntact || cachedNote === null) return null
  const before = decodeNote(cachedNote)
  const noteText = changed.get(commitKey) ?? null
  const note = noteText === null ? before : decodeNote(noteText)
  // Numbers only rise: this would be another history.
  if (note.number < before.number) return null
  changed.delete(commitKey)
  for (const [key, value] of changed) if (value !== null) entries.push(decodeChange(key, value))
  return { entries, note, end }
}

/** @returns the offset after what was read. */
export function scanTexts(
  context: ScanContext,
  range: TopicPartition & { readonly from: bigint; readonly to: bigint },
  visit: (key: string, value: string | null) => void,
): Promise<bigint> {
  return scanRange(context, range, ({ batch, from }: SliceBatch) => {
    for (let index = from; index < batch.count; index++)
      visit(batch.keyText(index) ?? '', batch.valueText(index))
  })
}

function stateRemoved({ topic, partition }: TopicPartition, start: bigint): PipelineError {
  return new PipelineError(
    'LOG_POSITION_LOST',
    `topic ${topic}, partition ${partition}: the first ${start} offsets were removed, and with them state that ` +
      'may still hold; its `cleanup.policy` has to be compact alone. Run with --fresh to begin again',
  )
}
