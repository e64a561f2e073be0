import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dispositions } from '../../src/core/operator.ts'
import type { StageReport } from '../../src/runtime/run-report.ts'
import type { PushedRecord } from '../../src/simulation/push-source.ts'
import { at, drive, inSink, inTopic, json, raw, stageOf } from '../simulation/pipeline-fixture.ts'

function file(onError: 'dlq' | 'skip'): string {
  return `
pipeline: orders
stages:
  - name: ingest
    source: { feed: 1 }
    key: value.id
    to: orders.raw
  - name: clean
    from: orders.raw
    event_time: value.ts
    on_error: ${onError}
    steps:
      - cast:
          amount: number
      - filter: value.amount >= 0
      - dedupe:
          by: value.id
          within: 10m
      - require: value.amount != 13
    to: orders.clean
  - name: totals
    from: orders.clean
    event_time: value.ts
    on_error: ${onError}
    steps:
      - aggregate:
          window: { tumbling: 10s }
          by: value.country
          fields:
            orders: count()
            revenue: sum(value.amount)
    to: orders.totals
  - name: show
    from: orders.totals
    sink: { drain: 1 }
`
}

const order = fc.record({
  id: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
  country: fc.constantFrom('nl', 'be', 'de'),
  amount: fc.constantFrom('1', '2.5', '-1', '13', 'n/a', null),
  ts: fc.integer({ min: 0, max: 60 }).map(at),
})
const input = fc.oneof(
  { weight: 8, arbitrary: order.map((value) => json(value)) },
  fc.constantFrom(
    raw('{broken'),
    raw(''),
    raw(null),
    json({ id: 'x', amount: 1 }),
    json([1]),
    json('text'),
  ),
)

function sumOf({ dispositions: counts }: StageReport): number {
  return dispositions.reduce((sum, name) => sum + counts[name], 0)
}

describe('dispositions', () => {
  it.each([
    ['dlq', 1],
    ['dlq', 4],
    ['skip', 4],
  ] as const)(
    'sum to the input, in numbers and in topics (on_error: %s, %d partitions)',
    async (onError, partitions) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(input, { maxLength: 12 }), { maxLength: 4 }),
          async (sends) => {
            const driver = await drive(file(onError), { partitions })
            for (const records of sends) await driver.send('ingest', records)
            await driver.end()
            const [ingest, clean, totals, show] = await Promise.all(
              ['ingest', 'clean', 'totals', 'show'].map((name) => stageOf(driver, name)),
            )
            for (const stage of [ingest, clean, totals, show]) expect(sumOf(stage!)).toBe(stage!.n)
            expect(ingest!.n).toBe(sends.flat().length)
            expect(ingest!.dispositions.emitted).toBe((await inTopic(driver, 'orders.raw')).length)
            expect(clean!.n).toBe(ingest!.dispositions.emitted)
            expect(clean!.dispositions.emitted).toBe((await inTopic(driver, 'orders.clean')).length)
            expect(clean!.dispositions.dead_lettered).toBe(
              (await inTopic(driver, 'orders.clean.dlq')).length,
            )
            expect(clean!.dispositions[onError === 'dlq' ? 'skipped' : 'dead_lettered']).toBe(0)
            expect(totals!.n).toBe(clean!.dispositions.emitted)
            expect(totals!.dispositions.late).toBe(
              (await inTopic(driver, 'orders.totals.late')).length,
            )
            expect(totals!.dispositions.dead_lettered).toBe(
              (await inTopic(driver, 'orders.totals.dlq')).length,
            )
            const results = await inTopic(driver, 'orders.totals')
            expect(totals!.made).toBe(results.length)
            const counted = results.reduce(
              (sum, { value }) => sum + (value as { orders: number }).orders,
              0,
            )
            expect(counted).toBe(totals!.dispositions.absorbed)
            expect(show!.dispositions.emitted).toBe(inSink(driver, 'show').length)
            await driver.close()
          },
        ),
        { numRuns: 25 },
      )
    },
  )

  it('sum to the input of a stage that makes results and writes them to a sink of its own', async () => {
    const driver = await drive(`
pipeline: orders
stages:
  - name: totals
    from: orders.clean
    steps:
      - filter: value.amount > 0
      - aggregate:
          by: value.country
          fields: { orders: count() }
    sink: { drain: 1 }
`)
    await driver.send('orders.clean', [
      json({ country: 'nl', amount: 1 }),
      json({ country: 'nl', amount: 1 }),
      json({ country: 'be', amount: 1 }),
      json({ country: 'be', amount: 0 }),
      raw('{'),
    ])
    await driver.advance(10_000)
    const totals = await stageOf(driver, 'totals')
    expect(inSink(driver, 'totals')).toHaveLength(2)
    expect(totals.n).toBe(5)
    expect(totals.made).toBe(2)
    expect(totals.dispositions).toMatchObject({
      absorbed: 3,
      filtered: 1,
      dead_lettered: 1,
      emitted: 0,
    })
    await driver.close()
  })

  it('count a record of several results once, the strongest', async () => {
    const driver = await drive(`
pipeline: p
stages:
  - name: lines
    from: orders
    steps:
      - split: value
      - filter: value != 0
      - require: value != 9
    to: lines
`)
    await driver.send('orders', [
      json([1, 2, 3]),
      json([0, 4]),
      json([0, 0]),
      json([]),
      json([1, 9, 0]),
    ])
    expect((await stageOf(driver, 'lines')).dispositions).toMatchObject({
      emitted: 2,
      filtered: 2,
      dead_lettered: 1,
    })
    expect((await inTopic(driver, 'lines')).map(({ text }) => text)).toEqual(['1', '2', '3', '4'])
    await driver.close()
  })

  it('sum to the input where one record becomes several before it is brought together by another key', async () => {
    const driver = await drive(`
pipeline: p
stages:
  - name: skus
    from: orders
    steps:
      - split: value
      - aggregate:
          by: value.sku
          fields: { sold: count() }
    to: skus
`)
    await driver.send('orders', [json([{ sku: 'a' }, { sku: 'b' }]), json([{ sku: 'a' }])])
    await driver.advance(10_000)
    const skus = await stageOf(driver, 'skus')
    expect(skus.n).toBe(2)
    expect(skus.dispositions).toMatchObject({ absorbed: 2, emitted: 0 })
    expect((await inTopic(driver, 'skus')).map(({ value }) => value)).toEqual(
      expect.arrayContaining([
        { sku: 'a', sold: 2 },
        { sku: 'b', sold: 1 },
      ]),
    )
    await driver.close()
  })

  it('name the reasons: dropping steps and error codes', async () => {
    const driver = await drive(file('dlq'), { partitions: 1 })
    const good = { id: 'a', country: 'nl', amount: '1', ts: at(0) }
    const records: PushedRecord[] = [
      json(good),
      json(good),
      json({ ...good, id: 'b', amount: '-1' }),
      json({ ...good, id: 'c', amount: 'n/a' }),
      raw('{'),
      json({ ...good, id: 'd', ts: 'soon' }),
      json({ ...good, id: 'e', amount: '13' }),
    ]
    await driver.send('ingest', records)
    await driver.end()
    const clean = await stageOf(driver, 'clean')
    expect(clean.reasons).toEqual({
      dedupe: 1,
      filter: 1,
      RECORD_CAST: 1,
      RECORD_DECODE: 1,
      RECORD_EVENT_TIME: 1,
      RECORD_REQUIRED: 1,
    })
  })
})
