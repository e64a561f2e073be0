import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PipelineError } from '../../src/core/errors.ts'
import type { StateChange } from '../../src/core/log.ts'
import type { StateCodec } from '../../src/core/operator.ts'
import { TaskState } from '../../src/runtime/task-state.ts'

const numbers: StateCodec<number> = {
  encode: String,
  decode(text) {
    const value = Number(text)
    if (Number.isNaN(value)) throw new TypeError('no number')
    return value
  },
}

interface Tally {
  count: number
}
const tallies: StateCodec<Tally> = {
  encode: ({ count }) => String(count),
  decode: (text) => ({ count: Number(text) }),
}

function aState(maxKeys = 1_000): TaskState<number> {
  return new TaskState('dedupe', numbers, maxKeys)
}

type Model = Map<string, { value: number; dueMs: number }>
const key = fc.constantFrom('a', 'b', 'c', '', '__proto__')
const due = fc.option(fc.integer({ min: 0, max: 5 }), { nil: Number.NaN })
const step = fc.oneof(
  fc.record({ do: fc.constant('put' as const), key, value: fc.integer({ min: 0, max: 3 }), due }),
  fc.record({ do: fc.constant('delete' as const), key }),
  fc.record({ do: fc.constantFrom('accept' as const, 'rollBack' as const, 'commit' as const) }),
)

function contents(state: TaskState<number>): Map<string, number | undefined> {
  return new Map([...state.keys()].map((each) => [each, state.get(each)]))
}

/** What a log holds after these changes. */
function apply(stored: Map<string, StateChange>, changes: readonly StateChange[]): void {
  for (const change of changes) {
    if (change.value === null) stored.delete(change.key)
    else stored.set(change.key, change)
  }
}

function restored(stored: ReadonlyMap<string, StateChange>): TaskState<number> {
  const state = aState()
  for (const change of stored.values()) state.restore(change)
  return state
}

describe('task state', () => {
  it('holds what a plain map holds that forgets the changes of failed records, and knows its size', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const state = aState()
        let accepted: Model = new Map()
        let current: Model = new Map()
        const stored = new Map<string, StateChange>()
        for (const each of steps) {
          if (each.do === 'put') {
            state.put(each.key, each.value, each.due)
            current.set(each.key, { value: each.value, dueMs: each.due })
          } else if (each.do === 'delete') {
            state.delete(each.key)
            current.delete(each.key)
          } else if (each.do === 'rollBack') {
            state.rollBack()
            current = new Map(accepted)
          } else {
            state.accept()
            accepted = new Map(current)
            if (each.do === 'commit') apply(stored, state.takeChanges())
          }
          expect(state.size).toBe(current.size)
          expect(contents(state)).toEqual(
            new Map([...current].map(([name, { value }]) => [name, value])),
          )
        }
        state.accept()
        apply(stored, state.takeChanges())
        const expected = [...current].map(([name, { value, dueMs }]) => [
          name,
          { value: String(value), dueMs: Number.isNaN(dueMs) ? null : dueMs },
        ])
        const found = [...stored.values()].map(({ key: name, value, dueMs }) => [
          name,
          { value, dueMs },
        ])
        expect(new Map(found as never)).toEqual(new Map(expected as never))
        const bytes = [...stored.values()].map(({ key: name, value }) =>
          Buffer.byteLength(`${name}${value}`),
        )
        expect(state.bytes).toBe(bytes.reduce((sum, each) => sum + each, 0))
        expect(restored(stored).bytes).toBe(state.bytes)
      }),
    )
  })

  it('is the same state after a restore, with the same entries due', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const state = aState()
        const stored = new Map<string, StateChange>()
        for (const each of steps) {
          if (each.do === 'put') state.put(each.key, each.value, each.due)
          else if (each.do === 'delete') state.delete(each.key)
          else if (each.do === 'rollBack') state.rollBack()
          else state.accept()
        }
        state.accept()
        apply(stored, state.takeChanges())
        const again = restored(stored)
        expect(contents(again)).toEqual(contents(state))
        expect(allDue(again, 5)).toEqual(allDue(state, 5))
      }),
    )
  })

  it('writes only what has changed, once per commit', () => {
    const state = aState()
    state.put('a', 1)
    state.put('a', 2, 50)
    state.put('b', 3)
    state.accept()
    expect(state.takeChanges()).toEqual([
      { step: 'dedupe', key: 'a', value: '2', dueMs: 50 },
      { step: 'dedupe', key: 'b', value: '3', dueMs: null },
    ])
    expect(state.takeChanges()).toEqual([])
    state.delete('b')
    state.accept()
    expect(state.takeChanges()).toEqual([{ step: 'dedupe', key: 'b', value: null, dueMs: null }])
  })

  it('writes a value that was changed in place and put again', () => {
    const state = new TaskState('aggregate', tallies, 10)
    const tally = { count: 1 }
    state.put('nl', tally, 10)
    state.accept()
    state.takeChanges()
    tally.count = 2
    state.put('nl', tally, 10)
    state.accept()
    expect(state.takeChanges()).toEqual([{ step: 'aggregate', key: 'nl', value: '2', dueMs: 10 }])
  })

  it('gives entries as due once, by time and then key, up to the watermark', () => {
    const state = aState()
    state.put('late', 1, 30)
    state.put('b', 1, 20)
    state.put('a', 1, 20)
    state.put('never', 1)
    expect(state.nextDueMs).toBe(20)
    expect(allDue(state, 25)).toEqual(['a', 'b'])
    expect(allDue(state, 25)).toEqual([])
    expect(allDue(state, 30)).toEqual(['late'])
  })

  it('goes by the due time that an entry has last been given', () => {
    const state = aState()
    state.put('a', 1, 10)
    state.put('a', 1, 20)
    state.put('b', 1, 10)
    state.put('b', 1)
    expect(allDue(state, 15)).toEqual([])
    expect(allDue(state, 20)).toEqual(['a'])
  })

  it('gives an entry as due that a failed record had moved or removed', () => {
    const state = aState()
    state.put('a', 1, 10)
    state.put('b', 1, 10)
    state.accept()
    state.put('a', 2, 99)
    state.delete('b')
    state.rollBack()
    expect(allDue(state, 10)).toEqual(['a', 'b'])
  })

  it('refuses a key beyond the limit, and says what to do', () => {
    const state = aState(2)
    state.put('a', 1)
    state.put('b', 1)
    state.put('a', 2)
    expect(() => state.put('c', 1)).toThrow(/step "dedupe".* 2 keys; raise `state\.max_keys`/)
    expect(codeOf(() => state.put('c', 1))).toBe('STATE_FULL')
    state.delete('a')
    state.put('c', 1)
    expect([...state.keys()]).toEqual(['b', 'c'])
  })

  it('tells of stored text that it cannot read as of corruption', () => {
    const change = { step: 'dedupe', key: 'a', value: 'junk', dueMs: null }
    expect(codeOf(() => aState().restore(change))).toBe('LOG_CORRUPT')
  })
})

function allDue(state: TaskState<number>, watermarkMs: number): string[] {
  const keys: string[] = []
  for (let found = state.takeDue(watermarkMs); found !== null; found = state.takeDue(watermarkMs)) {
    keys.push(found)
  }
  return keys
}

function codeOf(run: () => void): string {
  try {
    run()
    return 'none'
  } catch (thrown) {
    return thrown instanceof PipelineError ? thrown.code : String(thrown)
  }
}

describe('a mark', () => {
  it('is how far a result that a step made is taken back, when it fails on its own', () => {
    const state = aState()
    state.put('kept', 1)
    const { mark } = state
    state.put('kept', 2)
    state.put('gone', 3)
    state.rollBack(mark)
    expect([state.get('kept'), state.get('gone')]).toEqual([1, undefined])
    state.rollBack()
    expect(state.get('kept')).toBeUndefined()
  })
})
