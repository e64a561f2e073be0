import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Regroup } from '../../src/topology/topology.ts'
import type { JsonValue } from '../../src/core/json.ts'
import {
  at,
  drive,
  inTopic,
  json,
  sorted,
  stageOf,
  valuesOf,
} from '../simulation/pipeline-fixture.ts'

function totals(more: { window?: string; idle?: string; by?: string; from?: string } = {}): string {
  return `
pipeline: p
stages:
  - name: ingest
    source: { feed: 1 }
    key: value.k
    to: clean
  - name: totals
    from: ${more.from ?? 'clean'}
    event_time: value.ts
    idle: ${more.idle ?? '30s'}
    steps:
      - aggregate:
          window: ${more.window ?? '{ tumbling: 10s, grace: 5s }'}
          by: ${more.by ?? 'value.c'}
          fields:
            n: count()
            sum: sum(value.v)
    to: totals
`
}

interface Reading {
  readonly c: string
  readonly k: number
  readonly v: number
  readonly second: number
}
const reading: fc.Arbitrary<Reading> = fc.record({
  c: fc.constantFrom('a', 'b', 'ключ'),
  k: fc.nat(20),
  v: fc.integer({ min: -5, max: 5 }),
  second: fc.integer({ min: 0, max: 40 }),
})

function sent(readings: readonly Reading[]) {
  return readings.map(({ c, k, v, second }) => json({ c, k, v, ts: at(second) }))
}

/** The results by an independent way: everything at once. */
function expected(readings: readonly Reading[]): string[] {
  const groups = Object.groupBy(readings, ({ c, second }) => `${c} ${10 * Math.floor(second / 10)}`)
  return Object.values(groups)
    .map((group) => {
      const [{ c, second }] = group as [Reading]
      const start = 10 * Math.floor(second / 10)
      const sum = group!.reduce((total, { v }) => total + v, 0)
      return `${c} ${JSON.stringify({ window_start: at(start), window_end: at(start + 10), c, n: group!.length, sum })}`
    })
    .toSorted()
}

async function resultsOf(
  sends: readonly (readonly Reading[])[],
  partitions: number,
  regroup: Regroup = 'repartition',
): Promise<string[]> {
  const driver = await drive(totals(), { partitions, regroup })
  for (const readings of sends) await driver.send('ingest', sent(readings))
  await driver.end()
  expect(await inTopic(driver, 'p.totals.late')).toEqual([])
  const results = sorted(await inTopic(driver, 'totals'))
  await driver.close()
  return results
}

/** Parts of one input such that no record comes later than the grace of 5 s after a later one. */
const inOrderOfTime = fc
  .array(reading, { minLength: 1, maxLength: 30 })
  .map((all) => all.toSorted((a, b) => a.second - b.second))

describe('windows', () => {
  it.each([
    [1, 'repartition'],
    [4, 'repartition'],
    [4, 'one_task'],
  ] as const)(
    'hold what came for them, whatever the sends (%d partitions, regrouped by %s)',
    async (partitions, regroup) => {
      await fc.assert(
        fc.asyncProperty(inOrderOfTime, fc.integer({ min: 1, max: 9 }), async (readings, size) => {
          const sends = Array.from({ length: Math.ceil(readings.length / size) }, (_, index) =>
            readings.slice(index * size, (index + 1) * size),
          )
          // Partitions run at their own pace: only with one is the order kept, and nothing can be late.
          const oneSlice = partitions === 1 ? sends : [readings]
          expect(await resultsOf(oneSlice, partitions, regroup)).toEqual(expected(readings))
        }),
        { numRuns: 25 },
      )
    },
  )

  it('do not depend on the order of records within the grace', async () => {
    const disordered = inOrderOfTime.chain((readings) =>
      fc
        .array(fc.double({ min: 0, max: 4.9, noNaN: true }), {
          minLength: readings.length,
          maxLength: readings.length,
        })
        .map((delays) =>
          readings
            .map((each, index) => ({ each, arrives: each.second + delays[index]! }))
            .toSorted((a, b) => a.arrives - b.arrives)
            .map(({ each }) => each),
        ),
    )
    await fc.assert(
      fc.asyncProperty(disordered, async (readings) => {
        expect(
          await resultsOf(
            readings.map((each) => [each]),
            1,
          ),
        ).toEqual(expected(readings))
      }),
      { numRuns: 25 },
    )
  })

  it('close when the event time passes their end and grace, and not before', async () => {
    const driver = await drive(totals(), { partitions: 1 })
    await driver.send(
      'ingest',
      sent([
        { c: 'a', k: 1, v: 2, second: 3 },
        { c: 'a', k: 1, v: 3, second: 14 },
      ]),
    )
    expect(await inTopic(driver, 'totals')).toEqual([])
    await driver.send(
      'ingest',
      sent([
        { c: 'a', k: 1, v: 1, second: 9 },
        { c: 'a', k: 1, v: 0, second: 15 },
      ]),
    )
    expect(valuesOf(await inTopic(driver, 'totals'))).toEqual([
      { window_start: at(0), window_end: at(10), c: 'a', n: 2, sum: 3 },
    ])
    await driver.close()
  })

  it('give results the key of their group and their last millisecond as event time', async () => {
    const driver = await drive(totals(), { partitions: 4 })
    await driver.send('ingest', sent([{ c: 'a', k: 1, v: 2, second: 3 }]))
    await driver.end()
    const [result] = await inTopic(driver, 'totals')
    expect(result).toMatchObject({ key: 'a', eventTimeMs: Date.parse(at(10)) - 1 })
  })

  it('send a record that comes after they closed to the late topic, with its origin, and say so', async () => {
    const driver = await drive(totals(), { partitions: 1 })
    await driver.send(
      'ingest',
      sent([
        { c: 'a', k: 1, v: 2, second: 3 },
        { c: 'a', k: 1, v: 2, second: 15 },
      ]),
    )
    const late = json({ c: 'a', k: 7, v: 9, ts: at(4) }, { headers: [['trace', Buffer.from('x')]] })
    await driver.send('ingest', [late])
    await driver.end()
    const [record, ...others] = await inTopic(driver, 'p.totals.late')
    expect(others).toEqual([])
    expect(record).toMatchObject({
      key: '7',
      text: late.value,
      facts: {
        trace: 'x',
        'millrace-late-stage': 'totals',
        'millrace-late-topic': 'clean',
        'millrace-late-partition': '0',
        'millrace-late-offset': '2',
      },
    })
    expect(valuesOf(await inTopic(driver, 'totals'))).toHaveLength(2)
    expect(driver.events.filter(({ event }) => event === 'record_late')).toMatchObject([
      { stage: 'totals', data: { topic: 'clean', partition: 0, offset: 2 } },
    ])
    expect((await stageOf(driver, 'totals')).dispositions).toMatchObject({ absorbed: 2, late: 1 })
  })

  it('tell of their closing', async () => {
    const driver = await drive(totals(), { partitions: 1 })
    await driver.send(
      'ingest',
      sent([
        { c: 'a', k: 1, v: 2, second: 3 },
        { c: 'b', k: 1, v: 2, second: 15 },
      ]),
    )
    expect(driver.events.filter(({ event }) => event === 'window_closed')).toMatchObject([
      { stage: 'totals', value: { c: 'a', window_start: at(0), n: 1 } },
    ])
    await driver.close()
  })

  it('keep groups apart whose values only look alike', async () => {
    const driver = await drive(totals({ by: '{ c: value.c }' }), { partitions: 4 })
    const groups: JsonValue[] = [
      1,
      '1',
      null,
      'null',
      true,
      'true',
      ['a'],
      '["a"]',
      '__proto__',
      'constructor',
    ]
    await driver.send(
      'ingest',
      groups.map((c, index) => json({ c, k: index, v: index, ts: at(1) })),
    )
    await driver.end()
    const results = (await inTopic(driver, 'totals')).map(
      ({ value }) => value as { c: JsonValue; sum: number },
    )
    expect(new Set(results.map(({ sum }) => sum))).toEqual(new Set(groups.keys()))
    for (const { c, sum } of results) expect(c).toEqual(groups[sum])
  })

  it('of a topic that several topics feed hold the records of all', async () => {
    const driver = await drive(totals({ from: '[a, b]' }), { partitions: 1 })
    await driver.send(
      'a',
      sent([
        { c: 'x', k: 1, v: 1, second: 1 },
        { c: 'x', k: 1, v: 1, second: 16 },
      ]),
    )
    expect(await inTopic(driver, 'totals')).toEqual([])
    await driver.send(
      'b',
      sent([
        { c: 'x', k: 1, v: 5, second: 2 },
        { c: 'x', k: 1, v: 1, second: 16 },
      ]),
    )
    expect(valuesOf(await inTopic(driver, 'totals'))).toEqual([
      { window_start: at(0), window_end: at(10), c: 'x', n: 2, sum: 6 },
    ])
    await driver.close()
  })
})

describe('running totals', () => {
  const running = `
pipeline: p
stages:
  - name: totals
    from: clean
    steps:
      - aggregate:
          every: 5s
          by: value.c
          fields: { n: count() }
    to: totals
`

  it('come out when their interval is over, those that have changed', async () => {
    const driver = await drive(running, { partitions: 1 })
    await driver.send('clean', [json({ c: 'a' }), json({ c: 'b' }), json({ c: 'a' })])
    await driver.advance(4_999)
    expect(await inTopic(driver, 'totals')).toEqual([])
    await driver.advance(1)
    expect(valuesOf(await inTopic(driver, 'totals'))).toEqual([
      { c: 'a', n: 2 },
      { c: 'b', n: 1 },
    ])
    await driver.send('clean', [json({ c: 'b' })])
    await driver.advance(5_000)
    await driver.advance(60_000)
    expect(valuesOf(await inTopic(driver, 'totals')).slice(2)).toEqual([{ c: 'b', n: 2 }])
    await driver.close()
  })

  it('come out in time while records keep coming', async () => {
    const driver = await drive(running, { partitions: 1 })
    for (let second = 0; second < 12; second++) {
      await driver.send('clean', [json({ c: 'a' })])
      await driver.advance(1_000)
    }
    const counts = valuesOf(await inTopic(driver, 'totals')).map(
      (value) => (value as { n: number }).n,
    )
    expect(counts).toHaveLength(2)
    expect(counts[0]).toBeGreaterThanOrEqual(5)
    expect(counts[1]).toBeGreaterThanOrEqual(10)
    await driver.close()
  })
})
