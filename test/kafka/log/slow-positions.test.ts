import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Log, TaskCommit } from '../../../src/core/log.ts'
import { maxUnstoredCommits } from '../../../src/logs/kafka/tasks/offset-committer.ts'
import { batchWith } from '../../conformance/batches.ts'
import { commitOf } from '../../conformance/log-fixture.ts'
import { describeWithKafka } from '../broker/describe-with-kafka.ts'
import type { TestBroker } from '../broker/test-broker.ts'
import type { FaultProxy } from '../proxy/fault-proxy.ts'
import { startBehindProxy } from '../proxy/start-behind-proxy.ts'
import { clock, openLog, StageFixture, until } from './kafka-log-fixture.ts'

describeWithKafka('at least once, positions that take long to be stored', () => {
  let broker: TestBroker
  let proxy: FaultProxy
  let log: Log

  beforeAll(async () => {
    ;({ broker, proxy } = await startBehindProxy({ own: true }))
    log = await openLog(proxy.address)
  })
  afterAll(async () => {
    await log.close()
    await broker.stop()
    await proxy.stop()
  })

  it('let so many commits go on, and no more, until they are', async () => {
    const stage = await StageFixture.create(log)
    const count = maxUnstoredCommits + 10
    await stage.write(...Array.from({ length: count }, (_, n) => String(n)))
    const task = await stage.openStateless('at_least_once')
    const fault = proxy.inject({ api: 'OffsetCommit', action: 'hold_response' })
    let done = 0
    const work = async () => {
      for (let n = 1; n <= count; n++) {
        await task.commit(copy(stage, n))
        done = n
      }
    }
    const working = work()
    await until(() => done === maxUnstoredCommits - 1)
    await clock.sleep(500)
    // The next one has its outputs stored, and waits.
    expect(done).toBe(maxUnstoredCommits - 1)
    expect(await stage.results()).toHaveLength(maxUnstoredCommits)
    fault.release()
    await working
    await task.close()
    const again = await stage.openStateless('at_least_once')
    expect(again.positions).toEqual([BigInt(count)])
    await again.close()
  }, 30_000)
})

function copy(stage: StageFixture, n: number): TaskCommit {
  return commitOf({
    outputs: [{ ...stage.output, batch: batchWith(String(n)) }],
    next: [{ ...stage.input, offset: BigInt(n) }],
  })
}
