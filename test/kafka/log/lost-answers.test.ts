import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Log } from '../../../src/core/log.ts'
import { describeWithKafka } from '../broker/describe-with-kafka.ts'
import type { TestBroker } from '../broker/test-broker.ts'
import type { FaultProxy } from '../proxy/fault-proxy.ts'
import { startBehindProxy } from '../proxy/start-behind-proxy.ts'
import { countOf, openLog, StageFixture } from './kafka-log-fixture.ts'

/** Requests of a transaction, in the order of its life; a task without inputs has none for positions. */
const ofSource = ['AddPartitionsToTxn', 'Produce', 'EndTxn'] as const
const ofStage = [...ofSource, 'AddOffsetsToTxn', 'TxnOffsetCommit'] as const
const actions = ['drop_response', 'drop_request'] as const

describeWithKafka('a task whose answers get lost', () => {
  let broker: TestBroker
  let proxy: FaultProxy
  let log: Log
  const notices: string[] = []

  beforeAll(async () => {
    ;({ broker, proxy } = await startBehindProxy({ own: true }))
    log = await openLog(proxy.address, { notice: (message) => void notices.push(message) })
  })
  afterAll(async () => {
    await log.close()
    await broker.stop()
    await proxy.stop()
  })

  it.each(ofSource.flatMap((api) => actions.map((action) => [action, api] as const)))(
    '(%s of %s) finds out from its state what became of a commit that moved no position',
    async (action, api) => {
      const stage = await StageFixture.create(log)
      const task = await stage.open({ inputs: [] })
      for (let count = 1; count <= 6; count++) {
        const fault = count % 2 === 0 ? proxy.inject({ api, action }) : null
        await task.commit(stage.counting(count))
        if (fault !== null) expect(fault.times).toBe(1)
      }
      expect(await stage.results()).toEqual(['1', '2', '3', '4', '5', '6'])
      expect(await countOf(task)).toBe('6')
      await task.close()
      expect(await countOf(await stage.open({ inputs: [] }))).toBe('6')
    },
  )

  it.each(ofStage.flatMap((api) => actions.map((action) => [action, api] as const)))(
    '(%s of %s) finds out from its positions what became of a commit',
    async (action, api) => {
      const stage = await StageFixture.create(log)
      await stage.write('1', '2', '3', '4', '5', '6')
      const task = await stage.open()
      for (let count = 1; count <= 6; count++) {
        const fault = count % 2 === 0 ? proxy.inject({ api, action }) : null
        await task.commit(stage.counting(count, count))
        if (fault !== null) expect(fault.times).toBe(1)
      }
      expect(await stage.results()).toEqual(['1', '2', '3', '4', '5', '6'])
      await task.close()
      const again = await stage.open()
      expect([again.positions, await countOf(again)]).toEqual([[6n], '6'])
    },
  )

  it.each(actions)('opens once its id is its own: %s of InitProducerId', async (action) => {
    const stage = await StageFixture.create(log)
    await stage.write('1', '2')
    const before = await stage.open()
    await before.commit(stage.counting(1, 1))
    const fault = proxy.inject({ api: 'InitProducerId', action })
    const task = await stage.open()
    expect(fault.times).toBe(1)
    expect([task.positions, await countOf(task)]).toEqual([[1n], '1'])
    await expect(before.commit(stage.counting(2, 2))).rejects.toMatchObject({ code: 'LOG_FENCED' })
    await task.commit(stage.counting(2, 2))
    expect(await stage.results()).toEqual(['1', '2'])
  })

  it('is told that it was fenced, not that its state is lost, when another one works on it meanwhile', async () => {
    const stage = await StageFixture.create(log)
    await stage.write('1', '2', '3')
    const before = await stage.open()
    await before.commit(stage.counting(1, 1))
    await before.close()
    // Between its positions, which it has read, and its state, which it has not.
    const fault = proxy.inject({ api: 'ListOffsets', action: 'hold_request' })
    const late = stage.open().then(String, (error: unknown) => error)
    await fault.happened
    const elsewhere = await openLog(broker.address)
    const holder = await stage.at(elsewhere).open()
    await holder.commit(stage.counting(2, 2))
    fault.release()
    expect(await late).toMatchObject({ code: 'LOG_FENCED' })
    await holder.commit(stage.counting(3, 3))
    await elsewhere.close()
    expect(await stage.results()).toEqual(['1', '2', '3'])
  })

  it('says nothing of what passes by itself, nor of the first start of a cluster', () => {
    expect(notices).toEqual([])
  })

  it('waits for a broker that has gone, says so when that lasts, and goes on when it is back', async () => {
    const stage = await StageFixture.create(log)
    const task = await stage.open({ inputs: [] })
    await task.commit(stage.counting(1))
    await broker.kill('SIGKILL')
    const committed = task.commit(stage.counting(2))
    await waitForNotice('writing to Kafka waits and tries again')
    await broker.restart()
    await committed
    await waitForNotice('writing to Kafka goes on')
    expect(await stage.results()).toEqual(['1', '2'])
  })

  it('closes in time while there is no broker', async () => {
    const stage = await StageFixture.create(log)
    const task = await stage.open({ inputs: [] })
    await task.commit(stage.counting(1))
    const second = await openLog(proxy.address)
    await broker.kill('SIGKILL')
    const lost = task.commit(stage.counting(2)).then(String, (error: unknown) => error)
    const opening = stage
      .at(second)
      .open()
      .then(String, (error: unknown) => error)
    await task.close()
    expect(await lost).toMatchObject({ kind: 'fatal' })
    await second.close()
    expect(await opening).toMatchObject({ kind: 'fatal' })
    await broker.restart()
    expect(['1', '2']).toContain(await countOf(await stage.open({ inputs: [] })))
  })

  async function waitForNotice(text: string): Promise<void> {
    await expect.poll(() => notices.join('\n'), { timeout: 30_000 }).toContain(text)
  }
})
