import { expect, it } from 'vitest'
import { drive, inTopic, json, valuesOf } from '../simulation/pipeline-fixture.ts'

it('keeps amounts exact over stages, held back, summed and compared', async () => {
  const driver = await drive(`
pipeline: p
topics:
  raw: { partitions: 1 }
stages:
  - { name: ingest, source: { feed: 1 }, key: value.id, to: raw }
  - name: price
    from: raw
    steps:
      - cast: { price: decimal, items: integer }
      - set: { total: value.price * value.items }
      - delay: 1s
      - filter: value.total > 0.05
      - set: { tax: "round(value.total * 0.21, 2)" }
    to: priced
  - name: totals
    from: priced
    steps:
      - cast: { total: decimal }
      - aggregate: { fields: { revenue: sum(value.total), most: max(value.total) } }
    to: totals
`)
  await driver.send(
    'ingest',
    ['0.10', '0.20', '0.01', '9007199254740993.01'].map((price) =>
      json({ id: 1, price, items: '1' }),
    ),
  )
  await driver.end()
  expect(valuesOf(await inTopic(driver, 'priced'))).toEqual([
    { id: 1, price: '0.10', items: 1, total: '0.10', tax: '0.02' },
    { id: 1, price: '0.20', items: 1, total: '0.20', tax: '0.04' },
    {
      id: 1,
      price: '9007199254740993.01',
      items: 1,
      total: '9007199254740993.01',
      tax: '1891511843495608.53',
    },
  ])
  expect(valuesOf(await inTopic(driver, 'totals'))).toEqual([
    { revenue: '9007199254740993.31', most: '9007199254740993.01' },
  ])
  await driver.close()
})
