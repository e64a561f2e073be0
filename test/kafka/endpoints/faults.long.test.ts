import { existsSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { describeWithKafka, sharedBroker } from '../broker/describe-with-kafka.ts'
import { startBroker } from '../broker/start-broker.ts'
import type { TestBroker } from '../broker/test-broker.ts'
import { consumeAll, produceWithJava } from '../java/kafka-tool.ts'
import {
  connections,
  copyPipeline,
  createTopics,
  eventually,
  PipelineFolder,
  recordsOf,
  stopped,
  text,
} from './endpoint-pipeline.ts'

const folders: PipelineFolder[] = []
const kills = 6

function folder(pipeline: string): PipelineFolder {
  const made = new PipelineFolder(pipeline)
  folders.push(made)
  return made
}

/** Numbers, in partitions by their remainder. */
async function produceNumbers(
  address: string,
  topic: string,
  { from = 0, to, partitions }: { from?: number; to: number; partitions: number },
): Promise<void> {
  const records = Array.from({ length: to - from }, (_, index) => ({
    topic,
    partition: (from + index) % partitions,
    key: `key-${(from + index) % 100}`,
    value: String(from + index),
  }))
  await produceWithJava(address, [{ records }])
}

const sorted = (numbers: readonly number[]) => numbers.toSorted((left, right) => left - right)
const upTo = (count: number) => Array.from({ length: count }, (_, number) => number)

async function numbersIn(address: string, topic: string): Promise<number[]> {
  const found = await consumeAll(address, topic, { isolation: 'read_committed' })
  return found.map(({ value }) => Number(text(value)))
}

describeWithKafka('a run that is killed again and again', () => {
  const { address } = sharedBroker

  afterEach(() => {
    for (const made of folders.splice(0)) made.remove()
  })

  it('has each record of its source exactly once in the log, in order', async () => {
    const count = 120_000
    await createTopics(address, { 'faults-in': 3 })
    await produceNumbers(address, 'faults-in', { to: count, partitions: 3 })
    const made = folder(`pipeline: killed
${connections(address)}topics:
  raw:
    partitions: 1
stages:
  - name: read
    source:
      kafka:
        connection: main
        topics: faults-in
        bounded: true
    to: raw
  - name: write
    from: raw
    sink:
      file:
        path: ./out.ndjson
`)
    const written = () =>
      existsSync(made.path('out.ndjson')) ? statSync(made.path('out.ndjson')).size : 0
    let interrupted = 0
    for (let kill = 0; kill < kills; kill++) {
      const before = written()
      const run = made.run()
      await eventually('it has written more', async () => {
        return written() > before || run.child.exitCode !== null
      })
      await sleep(20 * kill)
      if (run.child.exitCode === null) interrupted += 1
      run.child.kill('SIGKILL')
      await run.ended
    }
    expect(interrupted).toBeGreaterThan(1)
    const { code, stderr } = await made.run().ended
    expect(code, stderr).toBe(0)
    const numbers = made.lines('out.ndjson').map(Number)
    expect(numbers).toHaveLength(count)
    expect(sorted(numbers)).toEqual(upTo(count))
    for (const partition of [0, 1, 2]) {
      const own = numbers.filter((number) => number % 3 === partition)
      expect(own).toEqual(sorted(own))
    }
  })

  it('has each record exactly once in a log on Kafka too', async () => {
    const count = 60_000
    await createTopics(address, { 'faults-log-in': 3 })
    await produceNumbers(address, 'faults-log-in', { to: count, partitions: 3 })
    const made = folder(`pipeline: logged
${connections(address)}topics:
  faults-log-out:
    partitions: 3
stages:
  - name: read
    source:
      kafka:
        connection: main
        topics: faults-log-in
        bounded: true
    to: faults-log-out
`)
    const start = () => made.run(['--log', `kafka://${address}`])
    let interrupted = 0
    for (let kill = 0; kill < 3; kill++) {
      const run = start()
      let before: number | null = null
      await eventually('it has written more', async () => {
        if (run.child.exitCode !== null) return true
        const found = await recordsOf(address, 'faults-log-out', { count: 0, run })
        before ??= found.length
        return found.length > before
      })
      if (run.child.exitCode === null) interrupted += 1
      run.child.kill('SIGKILL')
      await run.ended
    }
    expect(interrupted).toBeGreaterThan(0)
    const { code, stderr } = await start().ended
    expect(code, stderr).toBe(0)
    const numbers = await numbersIn(address, 'faults-log-out')
    expect(numbers).toHaveLength(count)
    expect(sorted(numbers)).toEqual(upTo(count))
  })

  it('loses nothing on its way to the sink, and repeats no more than the last slices', async () => {
    const count = 60_000
    await createTopics(address, { 'faults-copy-in': 3, 'faults-copy-out': 4 })
    await produceNumbers(address, 'faults-copy-in', { to: count, partitions: 3 })
    const made = folder(
      copyPipeline(address, {
        source: 'topics: faults-copy-in\nbounded: true',
        sink: 'topic: faults-copy-out\ncompression: lz4',
      }),
    )
    let interrupted = 0
    for (let kill = 0; kill < kills; kill++) {
      const before = (await numbersIn(address, 'faults-copy-out')).length
      const run = made.run()
      await eventually('it has written more', async () => {
        if (run.child.exitCode !== null) return true
        return (await numbersIn(address, 'faults-copy-out')).length > before
      })
      if (run.child.exitCode === null) interrupted += 1
      run.child.kill('SIGKILL')
      await run.ended
      if (interrupted > 2) break
    }
    expect(interrupted).toBeGreaterThan(0)
    const { code, stderr } = await made.run().ended
    expect(code, stderr).toBe(0)
    const numbers = await numbersIn(address, 'faults-copy-out')
    expect(sorted([...new Set(numbers)])).toEqual(upTo(count))
    // For each of the four tasks, slices under way and their successors.
    expect(numbers.length - count).toBeLessThanOrEqual(interrupted * 4 * 3 * 2_048)
  })
})

describeWithKafka('a broker that goes away and comes back', () => {
  let broker: TestBroker

  beforeAll(async () => {
    broker = await startBroker({ own: true })
  })
  afterAll(() => broker.stop())
  afterEach(() => {
    for (const made of folders.splice(0)) made.remove()
  })

  it('blocks source and sink, which go on by themselves, with each record written once', async () => {
    const { address } = broker
    const half = 40_000
    await createTopics(address, { 'away-in': 2, 'away-out': 3 })
    await produceNumbers(address, 'away-in', { to: half, partitions: 2 })
    const run = folder(
      copyPipeline(address, {
        source: 'topics: away-in\ngroup: away',
        sink: 'topic: away-out',
      }),
    ).run()
    await eventually('the copy has begun', async () => {
      return (await numbersIn(address, 'away-out')).length > 0
    })
    await broker.kill('SIGKILL')
    await run.until(({ stderr }) => stderr.includes('the stage "read" is blocked'))
    expect(run.stderr).toContain(`the Kafka connection "main" (${address})`)
    await broker.restart()
    await run.until(({ stderr }) => stderr.includes('the stage "read" works again'))
    await produceNumbers(address, 'away-in', { from: half, to: 2 * half, partitions: 2 })
    await recordsOf(address, 'away-out', { count: 2 * half, run })
    expect(await stopped(run)).toBe(0)
    const blocked = run.stderr.split('is blocked').length
    expect(run.stderr.split('works again').length).toBe(blocked)
    expect(sorted(await numbersIn(address, 'away-out'))).toEqual(upTo(2 * half))
  })

  it('is waited for from the beginning', async () => {
    const { address } = broker
    await createTopics(address, { 'later-in': 1, 'later-out': 1 })
    await produceNumbers(address, 'later-in', { to: 10, partitions: 1 })
    await broker.kill('SIGTERM')
    const pipeline = copyPipeline(address, { source: 'topics: later-in', sink: 'topic: later-out' })
    const run = folder(pipeline).run()
    await run.until(
      ({ stderr }) =>
        stderr.includes('the stage "read" is blocked') &&
        stderr.includes('the stage "write" is blocked'),
    )
    await broker.restart()
    expect(await recordsOf(address, 'later-out', { count: 10, run })).toHaveLength(10)
    expect(await stopped(run)).toBe(0)
  })

  it('that only hangs blocks the sink, and what it takes late is not written again', async () => {
    const { address } = broker
    await createTopics(address, { 'hang-out': 1 })
    const made = folder(`pipeline: hang
${connections(address)}stages:
  - name: make
    source:
      generate:
        rate: 200/s
        template: { n: { $sequence: 0 } }
    to: raw
  - name: write
    from: raw
    sink:
      kafka:
        connection: main
        topic: hang-out
`)
    const run = made.run()
    await recordsOf(address, 'hang-out', { count: 50, run })
    await broker.kill('SIGSTOP')
    await run.until(({ stderr }) => stderr.includes('the stage "write" is blocked'))
    await broker.kill('SIGCONT')
    await run.until(({ stderr }) => stderr.includes('the stage "write" works again'))
    const seen = (await consumeAll(address, 'hang-out', { isolation: 'read_committed' })).length
    await recordsOf(address, 'hang-out', { count: seen + 100, run })
    expect(await stopped(run)).toBe(0)
    const values = (await recordsOf(address, 'hang-out', { count: 1 })).map(({ value }) =>
      text(value),
    )
    expect(new Set(values).size).toBe(values.length)
  })
})
