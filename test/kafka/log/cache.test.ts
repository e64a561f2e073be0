import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Log } from '../../../src/core/log.ts'
import type { KafkaClient } from '../../../src/logs/kafka/client/kafka-client.ts'
import { CacheFile } from '../../../src/logs/kafka/state/cache/cache-file.ts'
import { batchOf } from '../../conformance/batches.ts'
import { describeWithKafka, sharedBroker } from '../broker/describe-with-kafka.ts'
import { connectTo } from '../client/client-fixture.ts'
import { topicsOf } from './copier.ts'
import { expectedCounts, expectedValues, startCopier, stateOf, valuesIn } from './copier-process.ts'
import { clock, countOf, freshName, openLog, StageFixture, until } from './kafka-log-fixture.ts'

const brokers = sharedBroker.address

describeWithKafka('state that is also kept on this machine', () => {
  const notices: string[] = []
  let client: KafkaClient
  let directory: string
  let log: Log
  let stage: StageFixture
  beforeEach(async () => {
    notices.length = 0
    client = await connectTo(brokers)
    directory = mkdtempSync(join(tmpdir(), 'millrace-kafka-state-'))
    log = await openWithCache()
    stage = await StageFixture.create(log)
  })
  afterEach(async () => {
    await log.close()
    await client.close()
    rmSync(directory, { recursive: true })
  })

  function openWithCache(): Promise<Log> {
    return openLog(brokers, { directory, notice: (message) => void notices.push(message) })
  }

  function fileOf({ topic, partition }: StageFixture['changelog']): string {
    return join(directory, 'kafka-state', topic, `${partition}.db`)
  }

  async function idOf({ topic }: { readonly topic: string }): Promise<string> {
    const [described] = await client.describeTopics([topic])
    return described!.id!
  }

  /** Lets go of the file first. */
  async function reopen(): Promise<void> {
    await log.close()
    log = await openWithCache()
    stage = stage.at(log)
  }

  /** A file that says to hold `count` up to the changelog's end, under this id of its topic. */
  async function plant(count: string, topicId: string): Promise<void> {
    await log.close()
    const end = (await client.listOffsets([stage.changelog], 'latest', 'read_uncommitted'))[0]!
    rmSync(fileOf(stage.changelog), { force: true })
    const file = new CacheFile(fileOf(stage.changelog), { ...stage.changelog, topicId })
    const note = JSON.stringify({ version: 1, number: 2, positions: [] })
    const { bytes } = batchOf([
      { key: '["count","k"]', value: `\n${count}` },
      { key: '["$commit",""]', value: `\n${note}`.slice(1) },
    ])
    file.apply([bytes], { offset: end, freshMs: clock.wallMs() })
    file.close()
    log = await openWithCache()
    stage = stage.at(log)
  }

  async function countTo(count: number): Promise<void> {
    const task = await stage.open({ inputs: [] })
    for (let at = Number((await countOf(task)) ?? 0); at < count; at++)
      await task.commit(stage.counting(at + 1))
    await task.close()
  }

  it('is read from there, and only what follows from the changelog', async () => {
    await countTo(2)
    await plant('planted', await idOf(stage.changelog))
    expect(await countOf(await stage.open({ inputs: [] }))).toBe('planted')
    const elsewhere = await openLog(brokers)
    expect(await countOf(await stage.at(elsewhere).open({ inputs: [] }))).toBe('2')
    await elsewhere.close()
  })

  it('is not read when it was kept of another cluster, or of a topic that was made again', async () => {
    await countTo(2)
    await plant('planted', 'another-id')
    const task = await stage.open({ inputs: [] })
    expect(await countOf(task)).toBe('2')
    await task.commit(stage.counting(3))
    await task.close()
    await reopen()
    expect(await countOf(await stage.open({ inputs: [] }))).toBe('3')
  })

  it('follows the commits, at some distance, and holds what was there when it was closed', async () => {
    await countTo(2)
    const task = await stage.open({ inputs: [] })
    for (let count = 3; count <= 5; count++) await task.commit(stage.counting(count))
    await until(() => statSync(`${fileOf(stage.changelog)}-wal`).size > 0)
    await clock.sleep(3_000)
    await task.close()
    await log.close()
    const file = new CacheFile(fileOf(stage.changelog), {
      ...stage.changelog,
      topicId: await idOf(stage.changelog),
    })
    const end = (await client.listOffsets([stage.changelog], 'latest', 'read_uncommitted'))[0]!
    expect(file.mark?.offset).toBe(end)
    file.close()
    log = await openWithCache()
  })

  it.each([
    ['deleted', (path: string) => rmSync(path)],
    ['empty', (path: string) => truncateSync(path)],
    ['cut off', (path: string) => truncateSync(path, statSync(path).size - 5_000)],
    ['no database', (path: string) => writeFileSync(path, 'garbage '.repeat(10_000))],
    [
      'damaged',
      (path: string) => {
        const bytes = readFileSync(path)
        for (let at = 8_192; at < bytes.length; at += 97) bytes[at]! ^= 0x55
        writeFileSync(path, bytes)
      },
    ],
  ])('is taken from the changelog when the file is %s, and kept again', async (_, harm) => {
    await countTo(5)
    await reopen()
    await (await stage.open({ inputs: [] })).close()
    await log.close()
    harm(fileOf(stage.changelog))
    log = await openWithCache()
    stage = stage.at(log)
    const task = await stage.open({ inputs: [] })
    expect(await countOf(task)).toBe('5')
    await task.commit(stage.counting(6))
    await task.close()
    await plant('planted', await idOf(stage.changelog))
    expect(await countOf(await stage.open({ inputs: [] }))).toBe('planted')
    expect(notices).toEqual([])
  })

  it('is used by one process at a time; another one does without', async () => {
    await countTo(2)
    await plant('planted', await idOf(stage.changelog))
    expect(await countOf(await stage.open({ inputs: [] }))).toBe('planted')
    const other = await openWithCache()
    expect(await countOf(await stage.at(other).open({ inputs: [] }))).toBe('2')
    await other.close()
    expect(notices).toEqual([])
  })

  it('is not kept, with a word, where that is not possible', async () => {
    await log.close()
    rmSync(directory, { recursive: true })
    writeFileSync(directory, 'a file')
    log = await openWithCache()
    stage = stage.at(log)
    await countTo(2)
    await countTo(3)
    expect(notices).toHaveLength(1)
    expect(notices[0]).toContain('is not kept on this machine, so that opening it takes longer')
  })

  it('is the same after kill -9 at any time', { timeout: 120_000 }, async () => {
    const name = freshName('cached')
    const size = { batches: 120, recordsPerBatch: 5 }
    const options = { brokers, name, ...size, delivery: 'exactly_once', directory } as const
    // At once, while the state is read and kept, and in the middle of the work.
    for (const commits of [0, 1, 40, 30, 1, 40, 12]) {
      const copier = startCopier(options)
      await until(() => copier.lines.length > commits || copier.child.exitCode !== null)
      copier.child.kill('SIGKILL')
      expect(await copier.ended).toBe('SIGKILL')
    }
    const last = startCopier(options)
    expect(await last.ended).toBe(0)
    const records = size.batches * size.recordsPerBatch
    expect(await valuesIn(brokers, topicsOf(name).target)).toEqual(expectedValues(records))
    for (const from of [directory, null]) {
      const { fed, counts } = await stateOf(brokers, name, from)
      expect([fed, counts]).toEqual([size.batches, expectedCounts(records)])
    }
  })
})
