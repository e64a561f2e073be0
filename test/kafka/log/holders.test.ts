import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Log, TaskLog } from '../../../src/core/log.ts'
import { batchOf, batchWith, valuesOf } from '../../conformance/batches.ts'
import { commitOf, generous } from '../../conformance/log-fixture.ts'
import { describeWithKafka, sharedBroker } from '../broker/describe-with-kafka.ts'
import { consumeAll } from '../java/kafka-tool.ts'
import { clock, countOf, openLog, StageFixture } from './kafka-log-fixture.ts'

describeWithKafka('tasks on a Kafka log', () => {
  const notices: string[] = []
  let log: Log
  let other: Log
  let stage: StageFixture
  beforeEach(async () => {
    notices.length = 0
    const notice = (message: string) => void notices.push(message)
    log = await openLog(sharedBroker.address, { notice })
    other = await openLog(sharedBroker.address, { notice })
    stage = await StageFixture.create(log)
  })
  afterEach(async () => {
    await log.close()
    await other.close()
  })

  const failure = (promise: Promise<unknown>) => promise.then(String, (error: unknown) => error)

  it('have one holder: the one before commits nothing any more, not even nothing', async () => {
    await stage.write('a', 'b')
    const first = await stage.open()
    await first.commit(stage.counting(1, 1))
    const second = await stage.at(other).open()
    expect([second.positions, await countOf(second)]).toEqual([[1n], '1'])
    expect(await failure(first.commit(stage.counting(100, 2)))).toMatchObject({
      code: 'LOG_FENCED',
    })
    expect(await failure(first.commit(commitOf({})))).toMatchObject({ code: 'LOG_FENCED' })
    await second.commit(stage.counting(2, 2))
    await first.close()
    expect(await stage.results()).toEqual(['1', '2'])
    expect(await countOf(await stage.open())).toBe('2')
  })

  it('whose commit is under way when they are taken over keep it as a whole, or nothing of it', async () => {
    const logs = [log, other]
    let holding = true
    const held: Promise<void>[] = []
    const count = async (task: TaskLog) => {
      for (let at = Number((await countOf(task)) ?? 0); holding;) {
        try {
          await task.commit(stage.counting(at + 1))
          at += 1
        } catch (error) {
          expect(error).toMatchObject({ code: 'LOG_FENCED' })
          return
        }
      }
    }
    for (let turn = 0; turn < 20; turn++) {
      const task = await stage.at(logs[turn % 2]!).open({ inputs: [] })
      held.push(count(task))
      // Some takeovers meet a commit in its middle, others between two.
      await clock.sleep(20 + 7 * (turn % 5))
    }
    holding = false
    await Promise.all(held)
    const total = Number(await countOf(await stage.open({ inputs: [] })))
    expect(total).toBeGreaterThan(20)
    const { topic } = stage.output
    const records = await consumeAll(sharedBroker.address, topic, { isolation: 'read_committed' })
    const expected = Array.from({ length: total }, (_, index) => String(index + 1))
    expect(records.map(({ value }) => value!.toString())).toEqual(expected)
  })

  it('that end right after a commit of those before them have read all of it', async () => {
    const writer = await log.openTask({
      id: `${stage.name}.before/0`,
      group: `${stage.name}.before`,
      inputs: [],
      start: 'earliest',
      changelog: stage.changelog,
    })
    const reader = await stage.at(other).openStateless('at_least_once')
    const lost: number[] = []
    for (let turn = 0; turn < 200; turn++) {
      await writer.commit(commitOf({ outputs: [{ ...stage.input, batch: batchWith(`${turn}`) }] }))
      const pulled = await reader.pull(generous)
      if (valuesOf(pulled)[0] !== `${turn}`) lost.push(turn)
    }
    expect(lost).toEqual([])
  })

  it('that wait until nothing is left do so for every input', async () => {
    await log.admin.ensureTopics([{ name: `${stage.name}-many`, partitions: 4, retentionMs: null }])
    const inputs = [0, 1, 2, 3].map((partition) => ({ topic: `${stage.name}-many`, partition }))
    const writer = await log.openTask({
      id: `${stage.name}.many/0`,
      group: `${stage.name}.many`,
      inputs: [],
      start: 'earliest',
      changelog: stage.changelog,
    })
    const reader = await other.openTask({
      id: `${stage.name}.all/0`,
      group: `${stage.name}.all`,
      inputs,
      start: 'earliest',
      delivery: 'at_least_once',
    })
    for (let turn = 0; turn < 50; turn++) {
      const outputs = inputs.map((input) => ({ ...input, batch: batchWith(`${turn}`) }))
      await writer.commit(commitOf({ outputs }))
      const values: (string | null)[] = []
      for (;;) {
        const slices = await reader.pull(generous)
        if (slices === null) break
        values.push(...valuesOf(slices))
      }
      expect(values).toEqual(inputs.map(() => `${turn}`))
    }
  })

  it('say what a topic does not take, and keep nothing of the commit', async () => {
    const task = await stage.open()
    const withoutKey = { ...stage.changelog, batch: batchOf([{ key: null, value: 'v' }]) }
    const refused = task.commit({
      ...stage.counting(1),
      outputs: [withoutKey, { ...stage.output, batch: batchWith('x') }],
    })
    await expect(refused).rejects.toMatchObject({ code: 'LOG_REFUSED' })
    await expect(refused).rejects.toThrow(stage.changelog.topic)
    expect(await stage.results()).toEqual([])
    expect(await countOf(await stage.open())).toBe(null)
  })

  it.each(['at_least_once', 'exactly_once'] as const)(
    'divide what is too large for one batch, and refuse a record that is (%s)',
    async (delivery) => {
      await log.admin.ensureTopics([{ name: `${stage.name}-s`, partitions: 1, retentionMs: null }])
      const place = { topic: `${stage.name}-s`, partition: 0 }
      const open = () =>
        log.openTask({
          id: `${stage.name}.s/0`,
          group: `${stage.name}.s`,
          inputs: [stage.input],
          start: 'earliest',
          delivery,
        })
      await stage.write('a', 'b')
      const next = (offset: bigint) => [{ ...stage.input, offset }]
      const values = Array.from({ length: 60 }, (_, index) => `${index}`.padEnd(100_000))
      const task = await open()
      await task.commit({
        outputs: [{ ...place, batch: batchWith(...values) }],
        state: [],
        next: next(1n),
      })
      const tooLarge = task.commit({
        outputs: [{ ...place, batch: batchWith('x'.repeat(2_000_000)) }],
        state: [],
        next: next(2n),
      })
      await expect(tooLarge).rejects.toMatchObject({ code: 'RECORD_TOO_LARGE' })
      await expect(tooLarge).rejects.toThrow(/raise its `max.message.bytes`/)
      await task.close()
      const records = await consumeAll(sharedBroker.address, place.topic, {
        isolation: 'read_committed',
      })
      expect(records.map(({ value }) => value!.toString())).toEqual(values)
      expect((await open()).positions).toEqual([1n])
    },
  )
})
