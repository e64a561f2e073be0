import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { PipelineError } from '../../../src/core/errors.ts'
import { describeWithKafka } from '../broker/describe-with-kafka.ts'
import { clock, connectTo, until } from '../producing/producing-fixture.ts'
import { GroupScene } from './group-scene.ts'
import { taskIds, type TestWorker } from './test-worker.ts'

const taskCount = 12
const soon = { timeout: 20_000 }

describeWithKafka('membership', () => {
  let group: GroupScene

  beforeAll(async () => {
    group = await GroupScene.start()
  })
  afterEach(() => group.stopWorkers())
  afterAll(() => group.stop())

  it('gives a single worker all tasks, and evens them out when more come', async () => {
    const one = await group.worker('growing', 'one')
    await expect.poll(() => group.running.shares, soon).toEqual({ one: taskCount })
    const two = await group.worker('growing', 'two')
    await expect.poll(() => group.running.shares, soon).toEqual({ one: 6, two: 6 })
    // Half of them stayed where they were all the time.
    expect(one.revoked).toHaveLength(6)
    await group.worker('growing', 'three')
    await expect.poll(() => group.running.shares, soon).toEqual({ one: 4, two: 4, three: 4 })
    expect(one.revoked).toHaveLength(8)
    expect(two.revoked).toHaveLength(2)
    expect(group.running.violations).toEqual([])
    expect(one.membership.rebalances).toBeGreaterThanOrEqual(3)
    expect(one.membership.generation).toBe(two.membership.generation)
  })

  it('names the time in which there was always somebody, for all who were there', async () => {
    const sessionsOf = (worker: TestWorker) => [
      ...new Set(
        worker.events.flatMap((event) => (event.type === 'joined' ? [event.session] : [])),
      ),
    ]
    const one = await group.worker('sessions', 'one')
    await expect.poll(() => group.running.shares, soon).toEqual({ one: taskCount })
    const two = await group.worker('sessions', 'two')
    await expect.poll(() => group.running.shares, soon).toEqual({ one: 6, two: 6 })
    await one.stop()
    await expect.poll(() => group.running.shares, soon).toEqual({ two: taskCount })
    const [session] = sessionsOf(one)
    expect(sessionsOf(one)).toEqual([session])
    expect(sessionsOf(two)).toEqual([session])
    await two.stop()
    const three = await group.worker('sessions', 'three')
    await expect.poll(() => group.running.shares, soon).toEqual({ three: taskCount })
    expect(sessionsOf(three)).toHaveLength(1)
    expect(sessionsOf(three)).not.toContain(session)
  })

  it('gives the tasks of a worker that leaves to the others at once', async () => {
    const one = await group.worker('leaving', 'one', { sessionTimeoutMs: 30_000 })
    const two = await group.worker('leaving', 'two', { sessionTimeoutMs: 30_000 })
    await expect.poll(() => group.running.shares, soon).toEqual({ one: 6, two: 6 })
    const startUs = clock.monotonicUs()
    expect(await two.stop()).toBeNull()
    expect(two.revoked.filter(({ reason }) => reason === 'stopped')).toHaveLength(6)
    expect(two.count('left')).toBe(1)
    // The other one hears of it with its next heartbeat.
    await expect.poll(() => group.running.shares, soon).toEqual({ one: taskCount })
    expect((clock.monotonicUs() - startUs) / 1e6).toBeLessThan(3)
    expect(one.revoked.every(({ reason }) => reason === 'rebalance')).toBe(true)
    expect(group.running.violations).toEqual([])
  })

  it('gives the tasks of a worker that dies to the others when its session ends', async () => {
    const doomed = await connectTo(group.kafka.address)
    await group.worker('dying', 'one')
    const two = await group.worker('dying', 'two', { client: doomed })
    await expect.poll(() => group.running.shares, soon).toEqual({ one: 6, two: 6 })
    group.running.abandon('two')
    await doomed.close()
    await expect.poll(() => group.running.shares, soon).toEqual({ one: taskCount })
    // It cannot go on, and says why.
    expect(await two.ended).toMatchObject({ code: 'CLOSED' })
  })

  it('gives a static member its tasks back after a restart, and nobody else notices', async () => {
    const session = { sessionTimeoutMs: 20_000 }
    const one = await group.worker('static', 'one', { ...session, instanceId: 'i-1' })
    const two = await group.worker('static', 'two', { ...session, instanceId: 'i-2' })
    await expect.poll(() => group.running.shares, soon).toEqual({ one: 6, two: 6 })
    const { rebalances } = one.membership
    const revoked = one.revoked.length
    const tasks = two.membership.tasks.toSorted()
    await two.stop()
    expect(two.count('left')).toBe(0)
    const again = await group.worker('static', 'two', { ...session, instanceId: 'i-2' })
    await expect.poll(() => group.running.shares, soon).toEqual({ one: 6, two: 6 })
    expect(again.membership.tasks.toSorted()).toEqual(tasks)
    expect(one.membership.rebalances).toBe(rebalances)
    expect(one.revoked).toHaveLength(revoked)
  })

  it('fences a static member when another one has its instance id', async () => {
    const first = await group.worker('twins', 'first', { instanceId: 'same' })
    await expect.poll(() => group.running.shares, soon).toEqual({ first: taskCount })
    group.running.abandon('first')
    const second = await group.worker('twins', 'second', { instanceId: 'same' })
    expect(await first.ended).toMatchObject({ code: 'FENCED_INSTANCE_ID', kind: 'fenced' })
    await expect.poll(() => group.running.shares, soon).toEqual({ second: taskCount })
    expect(second.membership.tasks).toHaveLength(taskCount)
  })

  it('refuses a worker that runs another file under the same name', async () => {
    const one = await group.worker('files', 'one')
    await expect.poll(() => group.running.shares, soon).toEqual({ one: taskCount })
    const other = await group.worker('files', 'other', { fingerprint: 'two' })
    const error = await other.ended
    expect(error).toBeInstanceOf(PipelineError)
    expect(error).toMatchObject({ code: 'CONFIG_INCOMPATIBLE' })
    expect(String(error)).toContain('worker one')
    await expect.poll(() => group.running.shares, soon).toEqual({ one: taskCount })
    expect(one.revoked).toEqual([])
  })

  it('says so when something else uses the group', async () => {
    const stranger = {
      group: 'taken',
      memberId: '',
      instanceId: null,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
      protocol: 'range',
      metadata: new Uint8Array(0),
    }
    const { client } = group.kafka
    const { memberId } = await client
      .joinGroup(stranger)
      .catch((error: { memberId: string }) => error)
    await client.joinGroup({ ...stranger, memberId })
    const worker = await group.worker('taken', 'one')
    expect(await worker.ended).toMatchObject({
      code: 'INCONSISTENT_GROUP_PROTOCOL',
      kind: 'config',
    })
  })

  it('gives each task to a worker that can run it', async () => {
    const [clean, analyze] = [taskIds(6).slice(0, 6), taskIds(6).slice(6)]
    const one = await group.worker('able', 'one', { tasks: clean })
    const two = await group.worker('able', 'two', { tasks: [...clean, ...analyze] })
    await expect.poll(() => group.running.count, { timeout: 10_000 }).toBe(taskCount)
    await until(() => two.membership.tasks.length > 0)
    expect(one.membership.tasks.every((task) => clean.includes(task))).toBe(true)
    expect(group.running.violations).toEqual([])
  })
})
