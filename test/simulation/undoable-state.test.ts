import { describe, expect, it } from 'vitest'
import { UndoableState } from '../../src/simulation/undoable-state.ts'

describe('UndoableState', () => {
  it('takes back puts and deletes since it was last settled', () => {
    const state = new UndoableState<number>()
    state.put('a', 1, 10)
    state.put('b', 1)
    state.settle()
    state.put('a', 2)
    state.put('a', 3)
    state.delete('b')
    state.put('c', 1)
    state.undo()
    expect([...state.keys()].toSorted()).toEqual(['a', 'b'])
    expect([state.get('a'), state.dueMs('a'), state.get('b')]).toEqual([1, 10, 1])
  })

  it('gives due entries by time, then by key, once', () => {
    const state = new UndoableState<string>()
    for (const [key, dueMs] of [
      ['b', 5],
      ['a', 5],
      ['c', 1],
      ['d', 9],
    ] as const)
      state.put(key, key, dueMs)
    state.put('never', 'x')
    const due = [1, 2, 3, 4].map(() => state.takeDue(5)?.key ?? null)
    expect(due).toEqual(['c', 'a', 'b', null])
    expect(state.size).toBe(5)
  })
})
