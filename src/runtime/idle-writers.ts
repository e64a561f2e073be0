import type { ProgressBoard } from './progress-board.ts'
import type { WatermarkTracker } from './watermark.ts'

/**
 * A writer that has had nothing to do for `idleMs` no longer holds the reader's watermark back. One
 * that is at work or blocked is not idle, however long it is silent: its backlog is still to come.
 * A topic that no stage writes is idle when its reader has had nothing to read for so long.
 */
export function noteIdleWriters(
  tracker: WatermarkTracker,
  at: { board: ProgressBoard; reader: string; nowUs: number; idleMs: number },
): void {
  for (const progress of tracker.all()) {
    const { id, sendsMarkers } = progress.writer
    // Writers with markers say so themselves.
    if (sendsMarkers || progress.isSilent) continue
    const quietSinceUs = at.board.quietSinceUs(id ?? at.reader)
    const isIdle = quietSinceUs !== null && at.nowUs - quietSinceUs >= 1_000 * at.idleMs
    progress.isSilent = isIdle || (id !== null && at.board.hasEnded(id))
  }
  tracker.update()
}

/** Whether nobody is left that could move the watermark. */
export function expectsOnlySilent(tracker: WatermarkTracker): boolean {
  return [...tracker.all()].every(({ isSilent }) => isSilent)
}
