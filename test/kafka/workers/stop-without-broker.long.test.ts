import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { batchWith } from '../../conformance/batches.ts'
import { commitOf } from '../../conformance/log-fixture.ts'
import { CliProcess, Workspace } from '../../e2e/cli-process.ts'
import { describeWithKafka } from '../broker/describe-with-kafka.ts'
import { startBroker } from '../broker/start-broker.ts'
import type { TestBroker } from '../broker/test-broker.ts'
import { createTopics, recordsOf, text } from '../endpoints/endpoint-pipeline.ts'
import { produceWithJava } from '../java/kafka-tool.ts'
import { openLog, StageFixture } from '../log/kafka-log-fixture.ts'
import { clock, hasTasks, uniqueName } from './fleet.ts'

/** A few seconds; a worker that did not stop by itself is cut off after 10 s, with exit code 1. */
const soonMs = 8_000
/** More than a worker does before the broker is frozen. */
const records = 30_000
const workspaces: Workspace[] = []

function copying(name: string, delivery: string): string {
  return `pipeline: ${name}
stages:
  - name: clean
    from: ${name}.raw
    delivery: ${delivery}
    steps:
      - set:
          seen: true
    to: ${name}.out
`
}

async function took(action: () => Promise<unknown>): Promise<number> {
  const startUs = clock.monotonicUs()
  await action()
  return (clock.monotonicUs() - startUs) / 1_000
}

describeWithKafka('while the broker is frozen', () => {
  let broker: TestBroker
  beforeAll(async () => {
    broker = await startBroker({ own: true })
  })
  afterAll(() => broker.stop())
  afterEach(async () => {
    await broker.kill('SIGCONT')
    for (const made of workspaces.splice(0)) made.remove()
  })

  function start(pipeline: string): CliProcess {
    const workspace = new Workspace({ 'pipeline.yaml': pipeline })
    workspaces.push(workspace)
    const args = ['run', 'pipeline.yaml', '--log', `kafka://${broker.address}`, '--threads', '0']
    return new CliProcess(args, { cwd: workspace.folder })
  }

  it.each([
    ['SIGTERM', 0],
    ['SIGINT', 130],
  ] as const)(
    'a run that cannot begin stops soon at %s',
    async (signal, expected) => {
      await broker.kill('SIGSTOP')
      const run = start(copying('never', 'exactly_once'))
      await run.until(({ stderr }) => stderr.includes('no stage of this file writes'))
      await clock.sleep(1_000)
      run.child.kill(signal)
      expect(await took(() => run.ended)).toBeLessThan(soonMs)
      expect((await run.ended).code, run.stderr).toBe(expected)
    },
    30_000,
  )

  it.each(['exactly_once', 'at_least_once'])(
    'a worker stops soon, and the next one goes on where it was (%s)',
    async (delivery) => {
      const name = uniqueName('frozen')
      await createTopics(broker.address, { [`${name}.raw`]: 2 })
      const input = Array.from({ length: records }, (_, n) => ({
        topic: `${name}.raw`,
        value: JSON.stringify({ n }),
      }))
      await produceWithJava(broker.address, [{ records: input }])
      const run = start(copying(name, delivery))
      // Something is on its way when the broker stops to answer.
      await run.until(hasTasks)
      await clock.sleep(100)
      await broker.kill('SIGSTOP')
      await clock.sleep(500)
      run.child.kill('SIGTERM')
      const tookMs = await took(() => run.ended)
      const { code, stderr } = await run.ended
      expect(tookMs, stderr).toBeLessThan(soonMs)
      expect(code, stderr).toBe(0)
      await broker.kill('SIGCONT')
      const again = start(copying(name, delivery))
      const found = await recordsOf(broker.address, `${name}.out`, { count: records, run: again })
      const numbers = found.map(({ value }) => (JSON.parse(text(value)!) as { n: number }).n)
      expect(new Set(numbers).size).toBe(records)
      if (delivery === 'exactly_once') expect(found).toHaveLength(records)
      await again.until(hasTasks)
      again.child.kill('SIGTERM')
      expect((await again.ended).code).toBe(0)
    },
    60_000,
  )

  it('opening a task ends when it is told to, and a log with a commit under way is closed soon', async () => {
    const log = await openLog(broker.address)
    const stage = await StageFixture.create(log)
    const tasks = [await stage.open(), await stage.openStateless('at_least_once')]
    await broker.kill('SIGSTOP')
    const commits = tasks.map((task) =>
      task.commit(commitOf({ outputs: [{ ...stage.output, batch: batchWith('a') }] })),
    )
    for (const commit of commits) commit.catch(() => {})
    const stopping = new AbortController()
    const { group, input } = stage
    const opening = log.openTask(
      { id: `${group}/1`, group, inputs: [input], start: 'earliest' },
      stopping.signal,
    )
    await clock.sleep(200)
    stopping.abort()
    await expect(opening).rejects.toMatchObject({ code: 'LOG_IO' })
    expect(await took(() => log.close())).toBeLessThan(soonMs)
    for (const commit of commits) await expect(commit).rejects.toThrow()
  }, 30_000)
})
