import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dispositions } from '../../src/core/operator.ts'
import { drive, inTopic, json, stageOf, valuesOf } from '../simulation/pipeline-fixture.ts'

const file = (...steps: readonly string[]) => `
pipeline: p
topics:
  raw: { partitions: 2 }
stages:
  - name: ingest
    source: { feed: 1 }
    key: value.id
    to: raw
  - name: s
    from: raw
    steps:
${steps.map((step) => `      ${step}`).join('\n')}
    to: out
`
const of = (n: number, id = 'a') => json({ id, n })
const numbers = (records: readonly { value: unknown }[]) =>
  records.map(({ value }) => (value as { n: number }).n)

describe('what a step holds back', () => {
  it('leaves by the clock, though no record comes', async () => {
    const driver = await drive(file('- delay: 10s', '- set: { late: true }'))
    await driver.send('ingest', [of(1)])
    await driver.advance(4_000)
    await driver.send('ingest', [of(2)])
    await driver.advance(5_999)
    expect(await inTopic(driver, 'out')).toEqual([])
    await driver.advance(1)
    expect(valuesOf(await inTopic(driver, 'out'))).toEqual([{ id: 'a', n: 1, late: true }])
    await driver.advance(4_000)
    expect(numbers(await inTopic(driver, 'out'))).toEqual([1, 2])
    await driver.close()
  })

  it('is there again after a crash, and leaves when it was to', async () => {
    const driver = await drive(file('- delay: 10s'))
    await driver.send('ingest', [
      json({ id: 'a', n: 1 }, { headers: [['trace', Buffer.from('x')]] }),
    ])
    await driver.advance(6_000)
    await driver.restart()
    await driver.advance(3_999)
    expect(await inTopic(driver, 'out')).toEqual([])
    await driver.advance(1)
    const [record] = await inTopic(driver, 'out')
    expect(record).toMatchObject({ key: 'a', value: { id: 'a', n: 1 }, facts: { trace: 'x' } })
    await driver.restart()
    await driver.advance(60_000)
    expect(await inTopic(driver, 'out')).toHaveLength(1)
    await driver.close()
  })

  it('fails by itself in a later step, with its key, value and headers', async () => {
    const driver = await drive(file('- delay: 1s', '- require: value.n > 1', '- set: { x: 1 }'))
    await driver.send('ingest', [of(1), of(2)])
    await driver.advance(1_000)
    expect(numbers(await inTopic(driver, 'out'))).toEqual([2])
    const [letter] = await inTopic(driver, 'p.s.dlq')
    expect(letter).toMatchObject({ key: 'a', value: { id: 'a', n: 1 } })
    expect((await stageOf(driver, 's')).dispositions).toMatchObject({ absorbed: 2 })
    await driver.close()
  })

  it('holds its reader back when it is as much as it may be, and loses nothing', async () => {
    const driver = await drive(file('- delay: { for: 10s, max_bytes: 500B }'))
    const all = Array.from({ length: 200 }, (_, n) => of(n))
    for (let at = 0; at < all.length; at += 5) await driver.send('ingest', all.slice(at, at + 5))
    // What was read at once may be more, so that something is left unread at all.
    const first = (await stageOf(driver, 's')).dispositions.absorbed
    expect(first).toBeLessThan(50)
    for (let round = 0; round < 100; round++) await driver.advance(10_000)
    expect(numbers(await inTopic(driver, 'out'))).toEqual(all.map((_, n) => n))
    await driver.close()
  })

  it('passes at the rate of a throttle, in order of each key', async () => {
    const driver = await drive(file('- throttle: { by: key, rate: 2/10s }'))
    await driver.send('ingest', [...[1, 2, 3, 4, 5].map((n) => of(n)), of(6, 'b')])
    const passed = async () =>
      numbers(await inTopic(driver, 'out')).toSorted((left, right) => left - right)
    expect(await passed()).toEqual([1, 2, 6])
    await driver.advance(9_999)
    expect(await passed()).toEqual([1, 2, 6])
    await driver.advance(1)
    expect(await passed()).toEqual([1, 2, 3, 4, 6])
    await driver.restart()
    await driver.send('ingest', [of(7)])
    await driver.advance(10_000)
    expect(await passed()).toEqual([1, 2, 3, 4, 5, 6, 7])
    await driver.close()
  })

  it('comes as a batch when its time is over, or when it is full', async () => {
    const driver = await drive(file('- batch: { by: value.id, records: 3, within: 5s, into: all }'))
    await driver.send(
      'ingest',
      [1, 2, 3, 4].map((n) => of(n)),
    )
    const lists = async () =>
      (await inTopic(driver, 'out')).map(({ value }) =>
        numbers((value as { all: unknown[] }).all.map((each) => ({ value: each }))),
      )
    expect(await lists()).toEqual([[1, 2, 3]])
    await driver.restart()
    await driver.advance(5_000)
    expect(await lists()).toEqual([[1, 2, 3], [4]])
    await driver.close()
  })

  it('is all there at the end, once, and every input has one disposition', async () => {
    const steps = fc.constantFrom(
      ['- delay: 3s'],
      ['- throttle: { by: key, rate: 2/4s }'],
      ['- throttle: { by: key, rate: 2/4s }', '- delay: 1s'],
      ['- batch: { by: key, records: 4, within: 2s }', '- split: value'],
    )
    const sends = fc.array(
      fc.record({
        id: fc.constantFrom('a', 'b', 'c'),
        pause: fc.constantFrom(0, 0, 700, 3_000),
        restart: fc.boolean(),
      }),
      { maxLength: 25 },
    )
    await fc.assert(
      fc.asyncProperty(steps, sends, async (chosen, list) => {
        const driver = await drive(file(...chosen))
        for (const [n, { id, pause, restart }] of list.entries()) {
          await driver.send('ingest', [of(n, id)])
          if (restart && n % 5 === 0) await driver.restart()
          if (pause > 0) await driver.advance(pause)
        }
        await driver.end()
        const seen = valuesOf(await inTopic(driver, 'out')) as { id: string; n: number }[]
        for (const id of ['a', 'b', 'c']) {
          const sent = list.flatMap((each, n) => (each.id === id ? [n] : []))
          expect(seen.filter((value) => value.id === id).map(({ n }) => n)).toEqual(sent)
        }
        const report = await stageOf(driver, 's')
        const counted = dispositions.reduce((sum, name) => sum + report.dispositions[name], 0)
        expect(counted).toBe(report.n)
        await driver.close()
      }),
      { numRuns: 40 },
    )
  })
})
