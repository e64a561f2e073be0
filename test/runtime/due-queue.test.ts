import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DueQueue } from '../../src/runtime/due-queue.ts'

const entries = fc.array(fc.tuple(fc.integer({ min: -5, max: 5 }), fc.string({ maxLength: 2 })))

function byTimeThenKey([timeA, keyA]: [number, string], [timeB, keyB]: [number, string]): number {
  return timeA - timeB || (keyA < keyB ? -1 : keyA > keyB ? 1 : 0)
}

describe('due queue', () => {
  it('has nothing due while it is empty', () => {
    expect(new DueQueue().nextMs).toBe(Number.POSITIVE_INFINITY)
  })

  it('gives keys in the order of their times, and of one time in their own order', () => {
    fc.assert(
      fc.property(entries, (pushed) => {
        const queue = new DueQueue()
        for (const [dueMs, key] of pushed) queue.push(dueMs, key)
        const popped = pushed.map(() => [queue.nextMs, queue.pop()] as [number, string])
        expect(popped).toEqual(pushed.toSorted(byTimeThenKey))
        expect(queue.nextMs).toBe(Number.POSITIVE_INFINITY)
      }),
    )
  })

  it('keeps that order when pushes and pops alternate', () => {
    const steps = fc.array(
      fc.option(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.string({ maxLength: 1 }))),
    )
    fc.assert(
      fc.property(steps, (all) => {
        const queue = new DueQueue()
        let model: [number, string][] = []
        for (const step of all) {
          if (step !== null) {
            queue.push(...step)
            model = [...model, step].toSorted(byTimeThenKey)
          } else if (model.length > 0) {
            const [dueMs, key] = model.shift()!
            expect([queue.nextMs, queue.pop()]).toEqual([dueMs, key])
          }
        }
      }),
    )
  })
})
