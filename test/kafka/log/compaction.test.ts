import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Log, StateChange, TaskLog } from '../../../src/core/log.ts'
import type { KafkaClient } from '../../../src/logs/kafka/client/kafka-client.ts'
import { commitOf } from '../../conformance/log-fixture.ts'
import { describeWithKafka } from '../broker/describe-with-kafka.ts'
import { startBroker } from '../broker/start-broker.ts'
import type { TestBroker } from '../broker/test-broker.ts'
import { connectTo } from '../client/client-fixture.ts'
import { consumeAll } from '../java/kafka-tool.ts'
import { clock, openLog, StageFixture, until } from './kafka-log-fixture.ts'

const keys = 40
const rounds = 30

describeWithKafka('a changelog that is compacted', () => {
  let broker: TestBroker
  let client: KafkaClient
  let log: Log
  let directory: string
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-kafka-state-'))
    // The cleaner looks for work every 15 s where nobody has said otherwise.
    broker = await startBroker({ own: true, properties: { 'log.cleaner.backoff.ms': '100' } })
    client = await connectTo(broker.address)
    log = await openLog(broker.address)
  })
  afterAll(async () => {
    await log.close()
    await client.close()
    await broker.stop()
    rmSync(directory, { recursive: true })
  })

  async function newStage(): Promise<StageFixture> {
    const stage = await StageFixture.create(log)
    await client.alterConfigs(stage.changelog.topic, {
      'segment.ms': '50',
      'min.cleanable.dirty.ratio': '0.0',
      'delete.retention.ms': '0',
    })
    return stage
  }

  /** Changes every entry, and removes some, in each round. */
  async function work(task: TaskLog, model: Map<string, string>): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      const state = Array.from({ length: keys }, (_, key): StateChange => {
        const isGone = (key + round) % 5 === 0
        const value = isGone ? null : `${round}`
        if (value === null) model.delete(`k${key}`)
        else model.set(`k${key}`, value)
        return { step: 's', key: `k${key}`, value, dueMs: null }
      })
      await task.commit(commitOf({ state }))
      await clock.sleep(20)
    }
  }

  const stored = (topic: string) =>
    consumeAll(broker.address, topic, { isolation: 'read_committed' })

  async function stateOf(task: TaskLog): Promise<Map<string, string | null>> {
    return new Map((await task.restore()).map(({ key, value }) => [key, value]))
  }

  it('gives the state as it was, before, while and after the cleaner removes what is outdated', async () => {
    const stage = await newStage()
    const model = new Map<string, string>()
    let task = await stage.open({ inputs: [] })
    await work(task, model)
    expect(await stateOf(task)).toEqual(model)
    await until(async () => {
      // Something has to be written for a segment to end.
      await task.commit(commitOf({}))
      return (await stored(stage.changelog.topic)).length < 3 * keys
    })
    task = await stage.open({ inputs: [] })
    expect(await stateOf(task)).toEqual(model)
    await work(task, model)
    expect(await stateOf(await stage.open({ inputs: [] }))).toEqual(model)
  })

  it('is not mixed with a cache that has not read the records that say what is gone', async () => {
    const stage = await newStage()
    const cached = () => openLog(broker.address, { directory })
    const first = await cached()
    const task = await stage.at(first).open({ inputs: [] })
    const put = (key: string, value: string | null) =>
      commitOf({ state: [{ step: 's', key, value, dueMs: null }] })
    await task.commit(put('gone', 'old'))
    await task.commit(put('kept', 'old'))
    // The cache has both; what follows is done by a worker on another machine.
    await clock.sleep(3_000)
    await first.close()
    const elsewhere = await stage.open({ inputs: [] })
    await elsewhere.commit(put('gone', null))
    await until(async () => {
      await elsewhere.commit(commitOf({}))
      const texts = (await stored(stage.changelog.topic)).map(({ key }) => key!.toString())
      return !texts.includes('["s","gone"]')
    })
    const second = await cached()
    const state = await stateOf(await stage.at(second).open({ inputs: [] }))
    expect(state).toEqual(new Map([['kept', 'old']]))
    await second.close()
  })
})
