import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeWithKafka } from '../broker/describe-with-kafka.ts'
import { startBroker } from '../broker/start-broker.ts'
import type { TestBroker } from '../broker/test-broker.ts'
import { createTopics, PipelineFolder, recordsOf, text } from '../endpoints/endpoint-pipeline.ts'
import { produceWithJava } from '../java/kafka-tool.ts'
import { clock, hasTasks, uniqueName } from '../workers/fleet.ts'
import { countOf, openLog, StageFixture } from './kafka-log-fixture.ts'

/** After which the brokers forget; in days where they are left as they come. */
const forgetMs = 2_000
/** Longer than that and the time that a broker takes to look. */
const idleMs = 8_000

describeWithKafka('a task that was idle for longer than the brokers remember its ids', () => {
  let broker: TestBroker
  beforeAll(async () => {
    broker = await startBroker({
      own: true,
      properties: {
        'transactional.id.expiration.ms': String(forgetMs),
        'transaction.remove.expired.transaction.cleanup.interval.ms': '500',
        'producer.id.expiration.ms': String(forgetMs),
        'producer.id.expiration.check.interval.ms': '500',
      },
    })
  })
  afterAll(() => broker.stop())

  it('is told that its id is another one now, and commits once it was opened again', async () => {
    const log = await openLog(broker.address)
    const stage = await StageFixture.create(log)
    await stage.write('1', '2', '3')
    const task = await stage.open()
    await task.commit(stage.counting(1, 1))
    await clock.sleep(idleMs)
    // As whoever runs the task takes it: others have it, or it may open it again.
    await expect(task.commit(stage.counting(2, 2))).rejects.toMatchObject({ code: 'LOG_FENCED' })
    await task.close()
    const again = await stage.open()
    expect([again.positions, await countOf(again)]).toEqual([[1n], '1'])
    await again.commit(stage.counting(2, 2))
    expect(await stage.results()).toEqual(['1', '2'])
    await log.close()
  }, 30_000)

  it.each(['exactly_once', 'at_least_once'])(
    'goes on by itself, and neither loses nor repeats a record (%s)',
    async (delivery) => {
      const name = uniqueName('idle')
      const made = new PipelineFolder(`pipeline: ${name}
topics:
  ${name}.out:
    partitions: 1
stages:
  - name: clean
    from: ${name}.raw
    delivery: ${delivery}
    steps:
      - set:
          seen: true
    to: ${name}.out
  - name: count
    from: ${name}.raw
    steps:
      - aggregate:
          by: value.k
          fields:
            n: count()
    to: ${name}.counts
`)
      try {
        await createTopics(broker.address, { [`${name}.raw`]: 1 })
        const write = (k: string) =>
          produceWithJava(broker.address, [
            { records: [{ topic: `${name}.raw`, value: JSON.stringify({ k }) }] },
          ])
        const run = made.run(['--log', `kafka://${broker.address}`])
        await run.until(hasTasks)
        await write('a')
        const out = (count: number) => recordsOf(broker.address, `${name}.out`, { count, run })
        await out(1)
        await clock.sleep(idleMs)
        await write('b')
        await out(2)
        await clock.sleep(idleMs)
        await write('c')
        const found = await out(3)
        expect(found.map(({ value }) => (JSON.parse(text(value)!) as { k: string }).k)).toEqual([
          'a',
          'b',
          'c',
        ])
        run.child.kill('SIGTERM')
        const { code, stderr } = await run.ended
        expect(code, stderr).toBe(0)
        expect(stderr).not.toMatch(/error/i)
      } finally {
        made.remove()
      }
    },
    60_000,
  )
})
