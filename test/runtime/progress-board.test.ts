import { describe, expect, it } from 'vitest'
import { ProgressBoard } from '../../src/runtime/progress-board.ts'

function aborted(signal: AbortSignal): Promise<string> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve('woken')
    else signal.addEventListener('abort', () => resolve('woken'))
  })
}

describe('progress board', () => {
  it('wakes everyone who waits when a task ends', async () => {
    const board = new ProgressBoard()
    const { signal } = new AbortController()
    const waits = [board.untilChange(signal, aborted), board.untilChange(signal, aborted)]
    board.end('p.s/0')
    expect(await Promise.all(waits)).toEqual(['woken', 'woken'])
    expect(board.hasEnded('p.s/0')).toBe(true)
    expect(board.hasEnded('p.s/1')).toBe(false)
  })

  it('wakes who waits when the run stops, also if it had stopped before', async () => {
    const board = new ProgressBoard()
    const stop = new AbortController()
    const wait = board.untilChange(stop.signal, aborted)
    stop.abort()
    expect(await wait).toBe('woken')
    expect(await board.untilChange(stop.signal, aborted)).toBe('woken')
  })

  it('hands on what the wait resolves or rejects with', async () => {
    const board = new ProgressBoard()
    const { signal } = new AbortController()
    expect(await board.untilChange(signal, () => Promise.resolve(7))).toBe(7)
    await expect(
      board.untilChange(signal, () => Promise.reject(new TypeError('x'))),
    ).rejects.toThrow('x')
    board.end('p.s/0')
  })

  it('keeps since when a task is quiet, until it is busy', () => {
    const board = new ProgressBoard()
    expect(board.quietSinceUs('t')).toBeNull()
    board.setQuiet('t', 3)
    board.setQuiet('t', 9)
    expect(board.quietSinceUs('t')).toBe(3)
    board.setBusy('t')
    expect(board.quietSinceUs('t')).toBeNull()
  })
})
