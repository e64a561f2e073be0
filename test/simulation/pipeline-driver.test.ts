import { describe, expect, it } from 'vitest'
import { partitionOf } from '../../src/core/partitioner.ts'
import { drive, inSink, inTopic, json, recordsOf, valuesOf } from './pipeline-fixture.ts'

const text = `
pipeline: p
stages:
  - name: ingest
    source: { feed: 1 }
    to: raw
  - name: clean
    from: raw
    steps:
      - require: value.n >= 0
    to: clean
  - name: show
    from: clean
    sink: { drain: 1 }
`

describe('pipeline driver', () => {
  it('has done all that was sent when `send` returns', async () => {
    const driver = await drive(text)
    await driver.send(
      'ingest',
      Array.from({ length: 5_000 }, (_, n) => json({ n })),
    )
    expect(inSink(driver, 'show')).toHaveLength(5_000)
    await driver.close()
  })

  it('sends to a topic by key, and without one to the partitions in turn', async () => {
    const driver = await drive(text, { partitions: 4 })
    await driver.send('raw', [json({ n: 1 }, { key: 'k' }), json({ n: 2 }), json({ n: 3 })])
    await driver.send('raw', [json({ n: 4 }), json({ n: 5 }), json({ n: 6 }, { key: 'k' })])
    const numbers = (await driver.storedByPartition('raw')).map((batches) =>
      recordsOf(batches).map(({ value }) => (value as { n: number }).n),
    )
    const keyed = partitionOf('k', 4)
    const spread: number[][] = [[2], [3], [4], [5]]
    expect(numbers).toEqual(
      spread.map((own, partition) => (partition === keyed ? [1, ...own, 6] : own)),
    )
    await driver.close()
  })

  it('keeps everything over a restart, sinks included', async () => {
    const driver = await drive(text)
    await driver.send('ingest', [json({ n: 1 })])
    await driver.restart()
    await driver.send('ingest', [json({ n: 2 })])
    expect(valuesOf(inSink(driver, 'show'))).toEqual([{ n: 1 }, { n: 2 }])
    await driver.close()
  })

  it('ends what it runs when its sources end', async () => {
    const driver = await drive(text)
    await driver.send('ingest', [json({ n: 1 })])
    await driver.end()
    expect((await driver.report()).pipelines[0]).toMatchObject({ outcome: 'completed' })
    expect(driver.clock.pending).toBe(0)
  })

  it('refuses to send to what is not there', async () => {
    const driver = await drive(text)
    await expect(driver.send('nothing', [json(1)])).rejects.toThrow(/"nothing" is neither/)
    expect(await inTopic(driver, 'nothing')).toEqual([])
    await driver.close()
  })
})
