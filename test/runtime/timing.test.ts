import { describe, expect, it } from 'vitest'
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
    await driver.send('ingest', Array.from({ length: 10 }, (_, k) => json({ k })))
    await driver.advance(50)
    await driver.send('ingest', Array.from({ length: 10 }, (_, k) => json({ k })))
    const records = [
      ...(await inTopic(driver, 'one')), ...(await inTopic(driver, 'two')), ...(await inTopic(driver, 'three')),
      ...(await inTopic(driver, 'p.bad.dlq')), ...inSink(driver, 'show'),
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
