import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { describeWithKafka } from '../broker/describe-with-kafka.ts'
import { clock, until } from '../producing/producing-fixture.ts'
import { GroupScene } from './group-scene.ts'
import type { TestWorker } from './test-worker.ts'

const taskCount = 12
const soon = { timeout: 20_000 }

describeWithKafka('membership under faults', () => {
  let group: GroupScene

  beforeAll(async () => {
    group = await GroupScene.start()
  })
  afterEach(() => group.stopWorkers())
  afterAll(() => group.stop())

  it('stays a member while the process works', async () => {
    const one = await group.worker('busy', 'one')
    const two = await group.worker('busy', 'two')
    await expect.poll(() => group.running.shares, soon).toEqual({ one: 6, two: 6 })
    const { rebalances } = one.membership
    const endUs = clock.monotonicUs() + 6_000_000
    while (clock.monotonicUs() < endUs) {
      const sliceUs = clock.monotonicUs() + 300_000
      while (clock.monotonicUs() < sliceUs);
      await clock.sleep(0)
    }
    expect(one.membership.rebalances).toBe(rebalances)
    expect([...one.revoked, ...two.revoked].filter(({ reason }) => reason === 'lost')).toEqual([])
  })

  it('stays a member while a task takes several sessions to stop, and nobody gets it before', async () => {
    const one = await group.worker('slow', 'one', { stopMs: 5_000 })
    await expect.poll(() => group.running.shares, soon).toEqual({ one: taskCount })
    const startUs = clock.monotonicUs()
    await group.worker('slow', 'two')
    await expect.poll(() => group.running.shares, soon).toEqual({ one: 6, two: 6 })
    expect((clock.monotonicUs() - startUs) / 1e6).toBeGreaterThan(5)
    expect(group.running.violations).toEqual([])
    expect(one.revoked.every(({ reason }) => reason === 'rebalance')).toBe(true)
  })

  it('gives away a task that does not stop in time, and says so', async () => {
    const options = { rebalanceTimeoutMs: 1_000, stopMs: 4_000 }
    const one = await group.worker('overdue', 'one', options)
    await expect.poll(() => group.running.shares, soon).toEqual({ one: taskCount })
    await group.worker('overdue', 'two', { rebalanceTimeoutMs: 1_000 })
    await expect.poll(() => group.running.shares, soon).toEqual({ one: 6, two: 6 })
    expect(one.count('revoke_overdue')).toBe(1)
  })

  it('gives everything up when it cannot reach the group, and comes back when it can', async () => {
    await group.worker('cut', 'one')
    const two = await group.worker('cut', 'two', { client: group.kafka.client })
    await expect.poll(() => group.running.shares, soon).toEqual({ one: 6, two: 6 })
    expect(await two.membership.confirm(two.membership.tasks[0]!)).toBe(true)
    expect(await two.membership.confirm('p.clean/99')).toBe(false)
    const [task] = two.membership.tasks
    const startUs = clock.monotonicUs()
    group.kafka.proxy.blackhole()
    const confirming = two.membership.confirm(task!)
    await until(() => two.revoked.length === 6)
    expect((clock.monotonicUs() - startUs) / 1e6).toBeLessThan(3)
    expect(two.revoked.every(({ reason }) => reason === 'lost')).toBe(true)
    expect(await confirming).toBe(false)
    await expect.poll(() => group.running.shares, soon).toEqual({ one: taskCount })
    group.kafka.proxy.restore()
    await expect.poll(() => group.running.shares, soon).toEqual({ one: 6, two: 6 })
    expect(group.running.violations).toEqual([])
  })

  it('goes on when the coordinator comes back', async () => {
    await group.worker('restarted', 'one')
    await group.worker('restarted', 'two')
    await expect.poll(() => group.running.shares, soon).toEqual({ one: 6, two: 6 })
    await group.kafka.broker.kill('SIGKILL')
    await group.kafka.broker.restart()
    await expect.poll(() => group.running.shares, soon).toEqual({ one: 6, two: 6 })
    await group.worker('restarted', 'three')
    await expect.poll(() => group.running.shares, soon).toEqual({ one: 4, two: 4, three: 4 })
    expect(group.running.count).toBe(taskCount)
  })

  it('shares all tasks out after workers have come and gone all the time', async () => {
    const present = new Map<number, TestWorker>()
    let seed = 7
    const next = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
      return Math.floor((seed / 2 ** 31) * below)
    }
    const endUs = clock.monotonicUs() + 20_000_000
    const stopping: Promise<unknown>[] = []
    let changes = 0
    while (clock.monotonicUs() < endUs) {
      const slot = next(6)
      const worker = present.get(slot)
      changes += 1
      if (worker === undefined) present.set(slot, await group.worker('storm', `w${changes}`))
      else {
        present.delete(slot)
        stopping.push(worker.stop())
      }
      await clock.sleep(50 + next(400))
    }
    for (const [slot, worker] of present) {
      if (present.size <= 3) break
      present.delete(slot)
      stopping.push(worker.stop())
    }
    expect(await Promise.all(stopping)).toEqual(stopping.map(() => null))
    const left = [...present.values()]
    const isShared = () => {
      const counts = left.map(({ membership }) => membership.tasks.length)
      const all = counts.reduce((sum, count) => sum + count, 0)
      return all === taskCount && Math.max(...counts) - Math.min(...counts) <= 1
    }
    const steadyUs = clock.monotonicUs()
    await until(isShared)
    expect((clock.monotonicUs() - steadyUs) / 1e6).toBeLessThan(10)
    expect(changes).toBeGreaterThan(30)
    expect(group.running.violations).toEqual([])
    const lost = group.workers
      .flatMap(({ revoked }) => revoked)
      .filter(({ reason }) => reason === 'lost')
    expect(lost).toEqual([])
  }, 90_000)
})
