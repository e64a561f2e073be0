import type { LogReader, TopicDescription } from '../core/log.ts'
import type { LetterId } from './replay-options.ts'
import { replayedLetter, type ReplayedLetter } from './replay-letter.ts'
import type { ReplayObstacle, ReplayPlace, ReplayStage } from './replay-stage.ts'
import { readBatches } from './stored-record.ts'

export interface Selection {
  readonly codes: ReadonlySet<string>
  /** Epoch ms. */
  readonly sinceMs: number
  readonly ids: readonly LetterId[]
  /** A letter that was written back so often is parked. */
  readonly maxAttempts: number
  /** Also those that were written back already. */
  readonly again: boolean
}

/** What becomes of a dead letter. */
export type Verdict =
  | { readonly kind: 'replay'; readonly place: ReplayPlace }
  | { readonly kind: 'done' }
  | { readonly kind: 'parked' }
  | { readonly kind: 'obstacle'; readonly obstacle: ReplayObstacle }

/** By place of the dead letter, those that were written back. */
export type Replayed = ReadonlySet<string>

export function placeKey({
  topic,
  partition,
  offset,
}: Pick<ReplayedLetter, 'topic' | 'partition' | 'offset'>): string {
  return `${topic}/${partition}/${offset}`
}

/** The dead letters of a stage that are asked for, oldest first in each partition, up to where the topic ends now. */
export async function* selectedLetters(
  reader: LogReader,
  topic: TopicDescription,
  { stage, selection }: { readonly stage: string; readonly selection: Selection },
): AsyncGenerator<ReplayedLetter> {
  for (const [partition, { start, end }] of topic.ranges.entries()) {
    if (!mayHold(selection, topic.name, partition)) continue
    const place = { topic: topic.name, partition, from: start, to: end }
    for await (const slice of readBatches(reader, place)) {
      for (let index = slice.from; index < slice.batch.count; index++) {
        const letter = slice.batch.isMarker(index) ? null : replayedLetter(slice, index)
        if (letter === null || letter.stage !== stage || letter.offset >= end) continue
        if (isSelected(letter, selection)) yield letter
      }
    }
  }
}

export function verdictOf(
  letter: ReplayedLetter,
  of: { readonly stage: ReplayStage; readonly replayed: Replayed; readonly selection: Selection },
): Verdict {
  const { maxAttempts, again } = of.selection
  const place = of.stage.placeOf(letter)
  if (typeof place === 'string') return { kind: 'obstacle', obstacle: place }
  if (!again && of.replayed.has(placeKey(letter))) return { kind: 'done' }
  if (!again && letter.replays >= maxAttempts) return { kind: 'parked' }
  return { kind: 'replay', place }
}

function mayHold({ ids }: Selection, topic: string, partition: number): boolean {
  if (ids.length === 0) return true
  return ids.some((id) => (id.topic ?? topic) === topic && id.partition === partition)
}

function isSelected(letter: ReplayedLetter, { codes, sinceMs, ids }: Selection): boolean {
  if (codes.size > 0 && !codes.has(letter.code)) return false
  if (letter.failedAtMs < sinceMs) return false
  return (
    ids.length === 0 ||
    ids.some(
      ({ topic, partition, offset }) =>
        (topic ?? letter.topic) === letter.topic &&
        partition === letter.partition &&
        offset === letter.offset,
    )
  )
}
