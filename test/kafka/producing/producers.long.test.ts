import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { describeWithKafka } from '../broker/describe-with-kafka.ts'
import {
  clock,
  copy,
  createTopic,
  never,
  numbers,
  ProxiedBroker,
  quantile,
  range,
  transactionSteps,
} from './producing-fixture.ts'

describeWithKafka('producers over a long time', () => {
  let kafka: ProxiedBroker

  beforeAll(async () => {
    kafka = await ProxiedBroker.start()
  })
  afterEach(() => kafka.closeProducers())
  afterAll(() => kafka.stop())

  // The transactional producer.
  it('commits 1,000 transactions of 500 records one after the other', async () => {
    await kafka.newTask('thousand')
    const sender = kafka.transactional('thousand')
    await sender.open()
    const timesMs: number[] = []
    for (let index = 0; index < 1_000; index++) {
      const startUs = clock.monotonicUs()
      expect(await copy(sender, 'thousand', [index * 500, 500])).toBe('committed')
      timesMs.push((clock.monotonicUs() - startUs) / 1_000)
    }
    process.stdout.write(
      `1,000 transactions of 500 records: p50 ${quantile(timesMs, 0.5).toFixed(1)} ms, ` +
        `p99 ${quantile(timesMs, 0.99).toFixed(1)} ms, max ${quantile(timesMs, 1).toFixed(1)} ms, ` +
        `${sender.counts.retries} requests repeated\n`,
    )
    expect(quantile(timesMs, 0.5)).toBeLessThan(60)
    expect(sender.counts).toMatchObject({ commits: 1_000, aborts: 0, reinits: 0, indefinite: 0 })
    const [found] = await kafka.numbersIn('thousand')
    expect(found).toEqual(range(0, 500_000))
  })

  it('writes exactly once while the broker is killed and comes back', async () => {
    const id = 'killed-broker'
    await kafka.newTask(id)
    const sender = kafka.transactional(id)
    await sender.open()
    let done = 0
    let notKept = 0
    let isOver = false
    const working = (async () => {
      while (!isOver) {
        const outcome = await copy(sender, id, [done, 50])
        if (outcome === 'committed') done += 50
        else notKept += 1
      }
    })()
    for (const signal of ['SIGKILL', 'SIGKILL', 'SIGTERM'] as const) {
      const before = done
      await clock.sleep(400)
      await kafka.broker.kill(signal)
      await kafka.broker.restart()
      await expect.poll(() => done, { timeout: 30_000 }).toBeGreaterThan(before + 500)
    }
    isOver = true
    await working
    expect(await kafka.numbersIn(id)).toEqual([range(0, done)])
    expect(await kafka.positionOf(id)).toBe(BigInt(done))
    expect(sender.counts.indefinite + sender.counts.aborts).toBeGreaterThan(0)
    expect(notKept).toBeLessThanOrEqual(sender.counts.reinits)
  }, 180_000)

  it('writes exactly once while the broker stands still and then does what was given up', async () => {
    const id = 'frozen-broker'
    await kafka.newTask(id)
    const sender = kafka.transactional(id)
    await sender.open()
    let done = 0
    let isOver = false
    const working = (async () => {
      while (!isOver) if ((await copy(sender, id, [done, 50])) === 'committed') done += 50
    })()
    for (const frozenMs of [4_000, 5_000]) {
      const before = done
      await clock.sleep(300)
      await kafka.broker.kill('SIGSTOP')
      // Longer than the client waits for an answer.
      await clock.sleep(frozenMs)
      await kafka.broker.kill('SIGCONT')
      await expect.poll(() => done, { timeout: 30_000 }).toBeGreaterThan(before + 500)
    }
    isOver = true
    await working
    expect(await kafka.numbersIn(id)).toEqual([range(0, done)])
    expect(await kafka.positionOf(id)).toBe(BigInt(done))
    expect(sender.counts.indefinite).toBeGreaterThan(0)
    expect(sender.counts.fenced).toBe(0)
  }, 120_000)

  it('lets no request take effect that comes after it has given the transaction up', async () => {
    for (const step of transactionSteps) {
      const id = `late-${step}`
      await kafka.newTask(id)
      const sender = kafka.transactional(id)
      await sender.open()
      expect(await copy(sender, id, [0, 5])).toBe('committed')
      const held = kafka.proxy.inject({ api: step, action: 'hold_request' })
      const given = copy(sender, id, [5, 5])
      await held.happened
      // The client gives up; the request is still on its way.
      expect(await given).toBe('not_kept')
      expect(await copy(sender, id, [5, 5])).toBe('committed')
      const next = copy(sender, id, [10, 5])
      held.release()
      expect(await next).toBe('committed')
      expect(await copy(sender, id, [15, 5])).toBe('committed')
      expect(await kafka.numbersIn(id)).toEqual([range(0, 20)])
      expect(await kafka.positionOf(id)).toBe(20n)
    }
  }, 120_000)

  // The idempotent producer.
  it('writes once when the broker executes a request that it has given up', async () => {
    const topic = await createTopic(kafka.client, 'late')
    const sender = kafka.idempotent()
    await sender.send([{ topic, partition: 0, batch: numbers(0, 5) }], never)
    const held = kafka.proxy.inject({ api: 'Produce', action: 'hold_request' })
    const given = sender.send([{ topic, partition: 0, batch: numbers(5, 5) }], never)
    await held.happened
    await given
    await sender.send([{ topic, partition: 0, batch: numbers(10, 5) }], never)
    held.release()
    await sender.send([{ topic, partition: 0, batch: numbers(15, 5) }], never)
    expect(await kafka.numbersIn(topic)).toEqual([range(0, 20)])
  })

  it('loses and repeats nothing while the broker is killed and comes back', async () => {
    const topic = await createTopic(kafka.client, 'killed', { partitions: 4 })
    const sender = kafka.idempotent()
    let sent = 0
    let isDone = false
    const sending = [0, 1, 2, 3].map(async (partition) => {
      let mine = 0
      while (!isDone) {
        await sender.send([{ topic, partition, batch: numbers(mine, 200) }], never)
        mine += 200
        sent += 200
      }
      return mine
    })
    for (const kill of ['SIGKILL', 'SIGTERM'] as const) {
      const before = sent
      await clock.sleep(300)
      await kafka.broker.kill(kill)
      await kafka.broker.restart()
      await expect.poll(() => sent, { timeout: 20_000 }).toBeGreaterThan(before + 2_000)
    }
    isDone = true
    const counts = await Promise.all(sending)
    const found = await kafka.numbersIn(topic)
    expect(found).toEqual(counts.map((count) => range(0, count)))
  })
})
