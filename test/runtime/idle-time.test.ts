import { describe, expect, it } from 'vitest'
import { at, drive, inTopic, json, valuesOf } from '../simulation/pipeline-fixture.ts'

function totals(from: string, ...upstream: readonly string[]): string {
  return `
pipeline: p
stages:
${upstream.join('\n')}
  - name: totals
    from: ${from}
    event_time: value.ts
    idle: 30s
    steps:
      - aggregate:
          window: { tumbling: 10s }
          by: value.c
          fields: { n: count() }
    to: totals
`
}

function reading(second: number) {
  return json({ c: 'x', ts: at(second) })
}

function producer(name: string, topic: string): string {
  return `  - name: ${name}\n    source: { feed: 1 }\n    event_time: value.ts\n    to: ${topic}`
}

describe('idle time', () => {
  it('lets a silent topic no longer hold windows open, after `idle` of wall time and not before', async () => {
    const driver = await drive(totals('[a, b]'), { partitions: 1 })
    await driver.send('b', [reading(1)])
    await driver.send('a', [reading(1), reading(25)])
    await driver.advance(29_999)
    expect(await inTopic(driver, 'totals')).toEqual([])
    await driver.advance(1)
    expect(valuesOf(await inTopic(driver, 'totals'))).toMatchObject([{ window_start: at(0), n: 2 }])
    await driver.close()
  })

  it('does so while records keep coming on the other topic', async () => {
    const driver = await drive(totals('[a, b]'), { partitions: 1 })
    await driver.send('b', [reading(1)])
    for (let second = 0; second < 40; second++) {
      await driver.send('a', [reading(second)])
      await driver.advance(1_000)
    }
    expect(valuesOf(await inTopic(driver, 'totals'))).toMatchObject([
      { window_start: at(0), n: 11 },
      { window_start: at(10), n: 10 },
      { window_start: at(20), n: 10 },
    ])
    await driver.close()
  })

  it('does so for one of several producers of a topic, while the others go on', async () => {
    const driver = await drive(totals('both', producer('one', 'both'), producer('two', 'both')), {
      partitions: 1,
    })
    await driver.send('two', [reading(1)])
    for (let second = 0; second < 40; second++) {
      await driver.send('one', [reading(second)])
      await driver.advance(1_000)
    }
    expect(valuesOf(await inTopic(driver, 'totals'))).toMatchObject([
      { window_start: at(0), n: 11 },
      { window_start: at(10), n: 10 },
      { window_start: at(20), n: 10 },
    ])
    await driver.close()
  })

  it('counts a producer that has ended as silent at once', async () => {
    const driver = await drive(totals('both', producer('one', 'both'), producer('two', 'both')), {
      partitions: 1,
    })
    await driver.send('one', [reading(1), reading(12)])
    await driver.send('two', [reading(1)])
    expect(await inTopic(driver, 'totals')).toEqual([])
    await driver.endSource('two')
    expect(valuesOf(await inTopic(driver, 'totals'))).toMatchObject([{ window_start: at(0), n: 2 }])
    await driver.close()
  })

  it.each([1, 4])(
    'closes nothing by itself: with all writers silent the time stands still (%d partitions)',
    async (partitions) => {
      const driver = await drive(totals('both', producer('one', 'both')), { partitions })
      await driver.send('one', [reading(1)])
      await driver.advance(3_600_000)
      expect(await inTopic(driver, 'totals')).toEqual([])
      await driver.close()
    },
  )

  it('lets partitions that no record reaches no longer hold windows open', async () => {
    const driver = await drive(
      totals(
        'keyed',
        '  - name: one\n    source: { feed: 1 }\n    key: "\'same\'"\n    event_time: value.ts\n    to: keyed',
      ),
      { partitions: 4 },
    )
    await driver.send('one', [reading(1), reading(25)])
    await driver.advance(29_000)
    expect(await inTopic(driver, 'totals')).toEqual([])
    await driver.advance(31_000)
    expect(valuesOf(await inTopic(driver, 'totals'))).toMatchObject([{ window_start: at(0), n: 1 }])
    await driver.close()
  })

  it('need not be waited for again after a restart, by those who heard of it before', async () => {
    const driver = await drive(
      totals(
        'keyed',
        '  - name: one\n    source: { feed: 1 }\n    key: "\'same\'"\n    event_time: value.ts\n    to: keyed',
      ),
      { partitions: 4 },
    )
    await driver.send('one', [reading(1), reading(25)])
    await driver.advance(60_000)
    expect(valuesOf(await inTopic(driver, 'totals'))).toMatchObject([{ window_start: at(0), n: 1 }])
    await driver.restart()
    await driver.send('one', [reading(41)])
    expect(valuesOf(await inTopic(driver, 'totals'))).toMatchObject([
      { window_start: at(0), n: 1 },
      { window_start: at(20), n: 1 },
    ])
    await driver.close()
  })

  it('takes in a writer again that writes again', async () => {
    const driver = await drive(totals('[a, b]'), { partitions: 1 })
    await driver.send('b', [reading(1)])
    await driver.send('a', [reading(1)])
    await driver.advance(30_000)
    await driver.send('b', [reading(5)])
    await driver.send('a', [reading(40)])
    expect(await inTopic(driver, 'totals')).toEqual([])
    await driver.send('b', [reading(6), reading(12)])
    expect(valuesOf(await inTopic(driver, 'totals'))).toMatchObject([{ window_start: at(0), n: 4 }])
    await driver.close()
  })
})
