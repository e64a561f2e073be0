import type { ProgressBoard } from './progress-board.ts'
import type { WatermarkTracker, WriterProgress } from './watermark.ts'

export interface IdleRule {
  readonly board: ProgressBoard
  readonly nowUs: number
  readonly idleMs: number
}

/**
 * Writers that no longer hold the reader's watermark back: those that have ended, and those that have
 * had nothing to do for `idleMs`. One that is at work or blocked is not idle, however long it is silent:
 * its backlog is still to come. Where no stage writes, it counts when the input was last heard of.
 *
 * To be asked before a pull and noted when that pull finds nothing: then no record of theirs lies unread.
 */
export function silentWriters(tracker: WatermarkTracker, rule: IdleRule): WriterProgress[] {
  const silent: WriterProgress[] = []
  for (const progress of tracker.all()) {
    const { id, sendsMarkers } = progress.writer
    // Writers with markers say so themselves.
    if (sendsMarkers || progress.isSilent) continue
    const hasEnded = id !== null && rule.board.hasEnded(id)
    if (hasEnded || idleInUs(progress, rule) <= 0) silent.push(progress)
  }
  return silent
}

/** How long until a writer may turn out to be idle, ms; Infinity where none is left to wait for. */
export function untilNextIdleMs(tracker: WatermarkTracker, rule: IdleRule): number {
  let nextUs = Number.POSITIVE_INFINITY
  for (const progress of tracker.all()) {
    if (progress.writer.sendsMarkers || progress.isSilent) continue
    nextUs = Math.min(nextUs, idleInUs(progress, rule))
  }
  return nextUs / 1_000
}

/** Whether nobody is left that could move the watermark. */
export function expectsOnlySilent(tracker: WatermarkTracker): boolean {
  return [...tracker.all()].every(({ isSilent }) => isSilent)
}

function idleInUs({ writer, heardUs }: WriterProgress, { board, nowUs, idleMs }: IdleRule): number {
  const quietSinceUs = writer.id === null ? heardUs : board.quietSinceUs(writer.id)
  // One that is at work would have to fall quiet first.
  return (quietSinceUs ?? nowUs) + 1_000 * idleMs - nowUs
}
