import { describe, expect, it } from 'vitest'
import { CommitQueue } from '../../../../src/logs/kafka/tasks/commit-queue.ts'

describe('a queue of commits', () => {
  const failure = (promise: Promise<void>) => promise.then(String, (error: Error) => error.message)

  it('does one after the other, in the order of the calls', async () => {
    const queue = new CommitQueue()
    const done: string[] = []
    const commit = (name: string, turns: number) => async () => {
      done.push(`${name} begins`)
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      done.push(`${name} ends`)
    }
    await Promise.all([queue.run(commit('a', 9)), queue.run(commit('b', 1))])
    expect(done).toEqual(['a begins', 'a ends', 'b begins', 'b ends'])
  })

  it('fails those that were called before a failure was known, and no others', async () => {
    const queue = new CommitQueue()
    const done: string[] = []
    const refused = queue.run(() => Promise.reject(new Error('refused')))
    const behind = queue.run(async () => void done.push('behind'))
    expect(await failure(refused)).toBe('refused')
    expect(await failure(behind)).toBe('refused')
    await queue.run(async () => void done.push('later'))
    expect(done).toEqual(['later'])
  })

  it('is idle once nothing is under way, whatever became of it', async () => {
    const queue = new CommitQueue()
    await queue.idle
    const refused = queue.run(() => Promise.reject(new Error('refused')))
    await queue.idle
    expect(await failure(refused)).toBe('refused')
  })
})
