import { describe, expect, it } from 'vitest'
import {
  expectsOnlySilent,
  silentWriters,
  untilNextIdleMs,
} from '../../src/runtime/idle-writers.ts'
import { ProgressBoard } from '../../src/runtime/progress-board.ts'
import { type ExpectedWriter, WatermarkTracker } from '../../src/runtime/watermark.ts'

const idleMs = 30_000
const idleUs = 1_000 * idleMs

function expecting(...writers: readonly Partial<ExpectedWriter>[]) {
  const board = new ProgressBoard()
  const tracker = new WatermarkTracker([
    writers.map((writer) => ({ id: null, holds: false, sendsMarkers: false, ...writer })),
  ])
  const note = (nowUs: number) => tracker.silence(silentWriters(tracker, { board, nowUs, idleMs }))
  const untilNext = (nowUs: number) => untilNextIdleMs(tracker, { board, nowUs, idleMs })
  return { board, tracker, note, untilNext, progress: (id: string) => tracker.progressOf(0, id) }
}

describe('idle writers', () => {
  it('are those that have had nothing to do for the idle time, and not a moment less', () => {
    const { board, note, progress } = expecting({ id: 'a' })
    board.setQuiet('a', 5)
    note(5 + idleUs - 1)
    expect(progress('a').isSilent).toBe(false)
    note(5 + idleUs)
    expect(progress('a').isSilent).toBe(true)
  })

  it('are never those at work or blocked, however long nothing comes from them', () => {
    const { board, note, progress } = expecting({ id: 'a' })
    note(100 * idleUs)
    board.setQuiet('a', 0)
    board.setBusy('a')
    note(100 * idleUs)
    expect(progress('a').isSilent).toBe(false)
  })

  it('count the quiet time from its beginning, not from the last look', () => {
    const { board, note, progress } = expecting({ id: 'a' })
    board.setQuiet('a', 0)
    board.setQuiet('a', idleUs - 1)
    note(idleUs)
    expect(progress('a').isSilent).toBe(true)
  })

  it('include those that have ended, at once', () => {
    const { board, note, progress, tracker } = expecting({ id: 'a', holds: true })
    board.end('a')
    note(0)
    expect(progress('a').isSilent).toBe(true)
    expect(expectsOnlySilent(tracker)).toBe(true)
  })

  it('do not include writers with markers, which say so themselves', () => {
    const { board, note, progress, tracker } = expecting({ id: 'a', sendsMarkers: true })
    board.setQuiet('a', 0)
    board.end('a')
    note(2 * idleUs)
    expect(progress('a').isSilent).toBe(false)
    expect(expectsOnlySilent(tracker)).toBe(false)
  })

  it('of an external topic count from when it was last heard of, whatever its reader does', () => {
    const { board, tracker, note, progress } = expecting({ id: null })
    tracker.begin(100)
    board.setBusy('reader')
    note(100 + idleUs - 1)
    expect(progress('').isSilent).toBe(false)
    progress('').heardUs = 200
    note(100 + idleUs)
    expect(progress('').isSilent).toBe(false)
    note(200 + idleUs)
    expect(progress('').isSilent).toBe(true)
  })

  it('are looked for again when the next one may be idle, and no more when none is left', () => {
    const { board, note, untilNext } = expecting(
      { id: 'a' },
      { id: 'b' },
      { id: 'c', sendsMarkers: true },
    )
    expect(untilNext(0)).toBe(idleMs)
    board.setQuiet('a', 0)
    expect(untilNext(10_000_000)).toBe(20_000)
    note(idleUs)
    expect(untilNext(idleUs)).toBe(idleMs)
    board.end('b')
    note(idleUs)
    expect(untilNext(idleUs)).toBe(Number.POSITIVE_INFINITY)
  })

  it('let the watermark go on to what the others say', () => {
    const { board, note, progress, tracker } = expecting({ id: 'a' }, { id: 'b' })
    tracker.observe(progress('a'), 500)
    board.setQuiet('b', 0)
    note(idleUs)
    expect(tracker.watermarkMs).toBe(500)
    expect(expectsOnlySilent(tracker)).toBe(false)
  })
})
