import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { at, drive, inTopic, json, raw, sorted } from '../simulation/pipeline-fixture.ts'

const orders = `
pipeline: orders
stages:
  - name: ingest
    source: { feed: 1 }
    key: value.id
    to: orders.raw
  - name: clean
    from: orders.raw
    event_time: value.ts
    steps:
      - dedupe:
          by: value.id
          within: 30s
      - require: value.v != 0
    to: orders.clean
  - name: totals
    from: orders.clean
    steps:
      - aggregate:
          window: { tumbling: 10s, grace: 2s }
          by: value.c
          fields:
            n: count()
            sum: sum(value.v)
            p50: percentile(value.v, 50)
            ids: distinct(value.id)
            first: first(value.id)
            top: top_k(value.id, 2)
    to: orders.totals
  - name: running
    from: orders.clean
    steps:
      - aggregate:
          every: 5s
          by: value.c
          fields: { n: count(), highest: max(value.v) }
    to: orders.running
`
const topics = [
  'orders.raw',
  'orders.clean',
  'orders.totals',
  'orders.clean.dlq',
  'orders.totals.late',
]

const record = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({
      id: fc.nat(12),
      c: fc.constantFrom('a', 'b'),
      v: fc.nat(4),
      second: fc.nat(60),
    }),
  },
  fc.constant(null),
)
type Sent = { id: number; c: string; v: number; second: number } | null
const sends = fc.array(fc.array(record, { maxLength: 6 }), { maxLength: 8 })

function pushed(all: readonly Sent[]) {
  return all.map((each) => (each === null ? raw('{') : json({ ...each, ts: at(each.second) })))
}

async function outcome(
  all: readonly (readonly Sent[])[],
  options: { partitions: number; restarts: ReadonlySet<number> },
) {
  const driver = await drive(orders, options)
  for (const [index, send] of all.entries()) {
    await driver.send('ingest', pushed(send))
    if (options.restarts.has(index)) await driver.restart()
  }
  await driver.end()
  const found = await Promise.all(
    topics.map(async (topic) => [topic, sorted(await inTopic(driver, topic))] as const),
  )
  const totals = (await inTopic(driver, 'orders.running')).map(
    ({ key, text }) => [key, text] as const,
  )
  await driver.close()
  // Of running totals the last one of each group counts; when they come out is up to the clock.
  return { ...Object.fromEntries(found), running: new Map(totals) }
}

describe('a restart', () => {
  it('between any two sends changes no result', async () => {
    await fc.assert(
      fc.asyncProperty(sends, fc.array(fc.nat(7)), async (all, restarts) => {
        const without = await outcome(all, { partitions: 1, restarts: new Set() })
        expect(await outcome(all, { partitions: 1, restarts: new Set(restarts) })).toEqual(without)
      }),
      { numRuns: 25 },
    )
  })

  it('changes no result of records that are in the order of their time, over several partitions', async () => {
    const ordered = fc
      .array(
        record.filter((each) => each !== null),
        { maxLength: 30 },
      )
      .map((all) => all.toSorted((a, b) => a.second - b.second))
    await fc.assert(
      fc.asyncProperty(ordered, fc.array(fc.nat(3)), async (all, restarts) => {
        // One send is one moment: within it partitions go at their own pace.
        const without = await outcome([all], { partitions: 4, restarts: new Set() })
        expect(await outcome([all], { partitions: 4, restarts: new Set(restarts) })).toEqual(
          without,
        )
      }),
      { numRuns: 15 },
    )
  })

  it('keeps what dedupe has seen, and forgets it in time', async () => {
    const driver = await drive(orders, { partitions: 1 })
    const first = { id: 1, c: 'a', v: 1 }
    await driver.send('ingest', [json({ ...first, ts: at(0) })])
    await driver.restart()
    await driver.send('ingest', [json({ ...first, ts: at(29) }), json({ ...first, ts: at(30) })])
    expect(await inTopic(driver, 'orders.clean')).toHaveLength(2)
    await driver.close()
  })

  it('keeps the watermark: a record that was late is late again', async () => {
    const driver = await drive(orders, { partitions: 1 })
    await driver.send('ingest', [
      json({ id: 1, c: 'a', v: 1, ts: at(1) }),
      json({ id: 2, c: 'a', v: 1, ts: at(40) }),
    ])
    await driver.restart()
    await driver.send('ingest', [json({ id: 3, c: 'a', v: 1, ts: at(2) })])
    expect(await inTopic(driver, 'orders.totals.late')).toHaveLength(1)
    await driver.close()
  })

  it('after the end reads on, and what is closed stays closed', async () => {
    const driver = await drive(orders, { partitions: 1 })
    await driver.send('ingest', [json({ id: 1, c: 'a', v: 1, ts: at(1) })])
    await driver.end()
    expect(await inTopic(driver, 'orders.totals')).toHaveLength(1)
    await driver.restart()
    await driver.end()
    expect(await inTopic(driver, 'orders.totals')).toHaveLength(1)
  })
})
