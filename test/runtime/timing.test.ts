import { describe, expect, it } from 'vitest'
import { plannedSource, RunBench, WorkingClock } from './run-fixture.ts'
import { drive, inSink, inTopic, json, startMs } from '../simulation/pipeline-fixture.ts'

const chain = `
pipeline: p
stages:
  - name: ingest
    source: { feed: 1 }
    key: value.k
    to: one
  - name: clean
    from: one
    steps:
      - set: { seen: true }
    to: two
  - name: bad
    from: two
    steps:
      - require: value.k != 3
    to: three
  - name: show
    from: three
    sink: { drain: 1 }
`

describe('timing', () => {
  it('of a record never lies ahead of the clock, and holds its way so far', async () => {
    const driver = await drive(chain)
    await driver.send(
      'ingest',
      Array.from({ length: 10 }, (_, k) => json({ k })),
    )
    await driver.advance(50)
    await driver.send(
      'ingest',
      Array.from({ length: 10 }, (_, k) => json({ k })),
    )
    const records = [
      ...(await inTopic(driver, 'one')),
      ...(await inTopic(driver, 'two')),
      ...(await inTopic(driver, 'three')),
      ...(await inTopic(driver, 'p.bad.dlq')),
      ...inSink(driver, 'show'),
    ]
    for (const { ingestUs, waitUs, runUs } of records) {
      expect(ingestUs).toBeGreaterThanOrEqual(1_000 * startMs)
      expect(waitUs).toBeGreaterThanOrEqual(0)
      expect(runUs).toBeGreaterThanOrEqual(0)
      expect(ingestUs + waitUs + runUs).toBeLessThanOrEqual(driver.clock.monotonicUs())
    }
    await driver.close()
  })

  it('of a stage that has a backlog counts from when the records could be read', async () => {
    const driver = await drive(chain, { partitions: 1 })
    await driver.send('ingest', [json({ k: 1 })])
    await driver.close()
    await driver.clock.advance(60_000)
    await driver.start()
    await driver.send('two', [json({ k: 1 })])
    await driver.end()
    const { stages } = (await driver.report()).pipelines[0]!
    expect(stages.every(({ D }) => D < 1_000)).toBe(true)
  })
})

describe('the time of a run', () => {
  it("is accounted for: the stages' waiting and running add up to the way of the records, within 1 %", async () => {
    const bench = new RunBench(new WorkingClock(Date.UTC(2026, 0, 1)))
    let ingestUs = 0
    let writtenUs = 0
    const source = plannedSource(
      'numbers',
      { values: Array.from({ length: 5_000 }, (_, n) => ({ n })), sliceSize: 500 },
      bench.clock,
    )
    const text = `
pipeline: p
stages:
  - name: ingest
    source: { numbers: 1 }
    to: one
  - name: clean
    from: one
    steps:
      - set: { seen: true }
    to: two
  - name: last
    from: two
    to: three
`
    const run = await bench.start([bench.topology(text, { sources: [source], partitions: 2 })])
    await run.done
    for (const record of await bench.records('three')) {
      ingestUs += record.ingestUs
      // What the header cannot know is the last commit, which the last stage's report has.
      writtenUs += record.ingestUs + record.waitUs + record.runUs
      expect(record.ingestUs + record.waitUs + record.runUs).toBeLessThanOrEqual(
        bench.clock.monotonicUs(),
      )
    }
    const { stages } = (await run.report()).pipelines[0]!
    const accountedMs = stages.reduce((sum, { T, D }) => sum + T + D, 0)
    const wayMs = (writtenUs - ingestUs) / 1_000 + stages.at(-1)!.waiting.commit
    expect(wayMs).toBeGreaterThan(1_000)
    expect(Math.abs(accountedMs - wayMs) / wayMs).toBeLessThan(0.01)
    for (const { n, t, T, s, D } of stages) {
      expect(n).toBe(5_000)
      expect(n * t.mean).toBeCloseTo(T, 6)
      expect(n * s.mean).toBeCloseTo(D, 6)
    }
  })
})
