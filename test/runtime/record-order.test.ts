import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Header } from '../../src/core/record-batch.ts'
import {
  drive,
  inSink,
  inTopic,
  json,
  raw,
  recordsOf,
  valuesOf,
} from '../simulation/pipeline-fixture.ts'

const chain = `
pipeline: p
stages:
  - name: ingest
    source: { feed: 1 }
    key: value.k
    to: one
  - name: second
    from: one
    steps:
      - filter: value.n % 5 != 4
      - set:
          doubled: value.n * 2
    to: two
  - name: third
    from: two
    key: string(value.k)
    steps:
      - set:
          seen: true
    to: three
  - name: last
    from: three
    sink: { drain: 1 }
`

describe('records', () => {
  it('of one key keep their order over all stages, and lie in one partition', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.nat(6), { maxLength: 20 }), { maxLength: 5 }),
        async (sends) => {
          const driver = await drive(chain, { partitions: 4 })
          let n = 0
          for (const keys of sends)
            await driver.send(
              'ingest',
              keys.map((k) => json({ k: `key ${k}`, n: n++ })),
            )
          await driver.end()
          const numbered = sends.flat().map((k, index) => ({ key: `key ${k}`, index }))
          const byKey = Object.groupBy(inSink(driver, 'last'), ({ key }) => key!)
          for (const [key, records] of Object.entries(byKey)) {
            const expected = numbered
              .filter((each) => each.key === key && each.index % 5 !== 4)
              .map(({ index }) => index)
            expect(records!.map(({ value }) => (value as { n: number }).n)).toEqual(expected)
          }
          const partitions = await driver.storedByPartition('three')
          const places = partitions.flatMap((batches, partition) =>
            recordsOf(batches).map(({ key }) => `${key} ${partition}`),
          )
          expect(new Set(places).size).toBe(
            new Set(recordsOf(partitions.flat()).map(({ key }) => key)).size,
          )
        },
      ),
      { numRuns: 15 },
    )
  })

  it('without a key are spread evenly by their producer, and stay in their partition afterwards', async () => {
    const driver = await drive(
      `
pipeline: p
stages:
  - name: ingest
    source: { feed: 1 }
    to: one
  - name: second
    from: one
    steps:
      - set: { seen: true }
    to: two
`,
      { partitions: 4 },
    )
    await driver.send(
      'ingest',
      Array.from({ length: 40 }, (_, n) => json({ n })),
    )
    for (const topic of ['one', 'two']) {
      const counts = (await driver.storedByPartition(topic)).map(
        (batches) => recordsOf(batches).length,
      )
      expect(counts).toEqual([10, 10, 10, 10])
    }
    await driver.close()
  })

  it('get the key that the expression gives on the output value; text as it is, all else as JSON', async () => {
    const driver = await drive(`
pipeline: p
stages:
  - name: s
    from: in
    steps:
      - set:
          made: value.k
    key: value.made
    to: out
`)
    const keys = ['text', '', 'null', 7, true, [1, 'a'], { b: 1 }, null]
    await driver.send(
      'in',
      keys.map((k) => json({ k })),
    )
    const made = (await inTopic(driver, 'out')).map(({ key }) => key)
    expect(new Set(made)).toEqual(
      new Set(['text', '', 'null', '7', 'true', '[1,"a"]', '{"b":1}', null]),
    )
    expect(made).toHaveLength(keys.length)
    await driver.close()
  })

  it('that cannot be decoded get a null key at a producer, and go on as they are', async () => {
    const driver = await drive(chain, { partitions: 1 })
    await driver.send('ingest', [raw('{'), json({ k: 'a', n: 1 }), raw(null)])
    expect((await inTopic(driver, 'one')).map(({ key, text }) => [key, text])).toEqual([
      [null, '{'],
      ['a', '{"k":"a","n":1}'],
      [null, null],
    ])
    await driver.close()
  })

  it('pass a stage without steps byte for byte, with key, value and headers', async () => {
    const driver = await drive(
      `
pipeline: p
stages:
  - name: copy
    from: in
    to: out
  - name: show
    from: out
    sink: { drain: 1 }
`,
      { partitions: 1 },
    )
    const headers: Header[] = [
      ['__proto__', Buffer.from([0xff])],
      ['a', Buffer.from('')],
      ['a', Buffer.from('ü')],
    ]
    const texts = [
      '{"a" : 1.0, "a": 12345678901234567890}',
      '{broken',
      '',
      null,
      ' \n',
      '"\\u00fc"',
      '\uFEFF{}',
    ]
    await driver.send(
      'in',
      texts.map((text) => raw(text, { key: 'k', headers })),
    )
    for (const records of [await inTopic(driver, 'out'), inSink(driver, 'show')]) {
      expect(records.map(({ text }) => text)).toEqual(texts)
      expect(records.map((each) => each.key)).toEqual(texts.map(() => 'k'))
      expect(records[0]!.headers.map(([name, value]) => [name, [...value]])).toEqual(
        headers.map(([name, value]) => [name, [...value]]),
      )
    }
    await driver.close()
  })

  it('keep numbers that no step touched exactly, and their headers', async () => {
    const driver = await drive(`
pipeline: p
stages:
  - name: s
    from: in
    steps:
      - set: { seen: true }
    to: out
`)
    await driver.send('in', [
      raw(
        '{"big":12345678901234567890,"long":0.1234567890123456789,"huge":1e400,"__proto__":{"x":1}}',
        { headers: [['h', Buffer.from('v')]] },
      ),
    ])
    const [record] = await inTopic(driver, 'out')
    expect(record!.text).toBe(
      '{"big":12345678901234567890,"long":0.1234567890123456789,"huge":1e400,"__proto__":{"x":1},"seen":true}',
    )
    expect(record!.facts).toEqual({ h: 'v' })
    await driver.close()
  })

  it('leave nowhere from a stage of steps alone, and are counted', async () => {
    const driver = await drive(`
pipeline: p
stages:
  - name: watch
    from: in
    steps:
      - require: value.ok
`)
    await driver.send('in', [json({ ok: true }), json({ ok: false })])
    const [watch] = (await driver.report()).pipelines[0]!.stages
    expect(watch!.dispositions).toMatchObject({ emitted: 1, dead_lettered: 1 })
    expect(valuesOf(await inTopic(driver, 'p.watch.dlq'))).toEqual([{ ok: false }])
    expect(driver.events.map(({ event }) => event)).toContain('record_processed')
    await driver.close()
  })

  it('take a time of their own each when one record becomes several', async () => {
    const driver = await drive(
      `
pipeline: p
stages:
  - name: s
    from: in
    event_time: value.ts
    steps:
      - split: value
    to: out
`,
      { partitions: 1 },
    )
    await driver.send('in', [
      json([{ ts: '2026-01-01T00:00:05Z' }, { ts: '2026-01-01T00:00:02Z' }]),
    ])
    const times = (await inTopic(driver, 'out')).map(({ eventTimeMs }) =>
      new Date(eventTimeMs).toISOString(),
    )
    expect(times).toEqual(['2026-01-01T00:00:05.000Z', '2026-01-01T00:00:02.000Z'])
    await driver.close()
  })
})
