import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dispositions } from '../../src/core/operator.ts'
import { at, drive, inTopic, json, stageOf, valuesOf } from '../simulation/pipeline-fixture.ts'
import { plannedSource, RunBench } from './run-fixture.ts'

const file = (...stage: readonly string[]) => `
pipeline: p
topics:
  raw: { partitions: 4 }
  low: { partitions: 4 }
  high: { partitions: 2 }
  x.a: { partitions: 1 }
stages:
  - name: ingest
    source: { feed: 1 }
    key: value.id
    to: raw
  - name: sort
    from: raw
${stage.map((line) => `    ${line}`).join('\n')}
`

const routed = (to: string) =>
  file('steps:', '  - route:', '      high: value.n >= 10', '      odd: value.n % 2 == 1', to)
const withOtherwise = routed('to: { high: high, odd: x.a, otherwise: low }')
const templated = file(
  'steps:',
  '  - set: { t: "value.n >= 10 ? \'b\' : value.t" }',
  'to: { template: "x.${value.t}", allow: [x.a, x.b] }',
)

const of = (n: number) => json({ id: `k${n % 3}`, n })

describe('a stage with several outputs', () => {
  it('gives each record to the first output that takes it, and the rest to `otherwise`', async () => {
    const driver = await drive(withOtherwise)
    await driver.send('ingest', [12, 11, 3, 2].map(of))
    expect(
      valuesOf(await inTopic(driver, 'high'))
        .map((value) => (value as { n: number }).n)
        .toSorted((left, right) => left - right),
    ).toEqual([11, 12])
    expect(valuesOf(await inTopic(driver, 'x.a'))).toEqual([{ id: 'k0', n: 3 }])
    expect(valuesOf(await inTopic(driver, 'low'))).toEqual([{ id: 'k2', n: 2 }])
    await driver.close()
  })

  it('dead-letters what has no output, with a code of its own', async () => {
    const driver = await drive(routed('to: { high: high, odd: x.a }'))
    await driver.send('ingest', [12, 2].map(of))
    const [letter, ...more] = await inTopic(driver, 'p.sort.dlq')
    expect(more).toEqual([])
    expect(letter!.value).toEqual({ id: 'k2', n: 2 })
    expect(letter!.facts['millrace-dlq-code']).toBe('RECORD_ROUTE')
    expect((await stageOf(driver, 'sort')).dispositions).toMatchObject({
      emitted: 1,
      dead_lettered: 1,
    })
    await driver.close()
  })

  it('writes to the topic that its template gives, and to no other than those of `allow`', async () => {
    const driver = await drive(templated)
    await driver.send('ingest', [
      json({ n: 1, t: 'a' }),
      json({ n: 10, t: 'a' }),
      json({ n: 1, t: '../etc' }),
      json({ n: 1 }),
    ])
    expect(valuesOf(await inTopic(driver, 'x.a'))).toEqual([{ n: 1, t: 'a' }])
    expect(valuesOf(await inTopic(driver, 'x.b'))).toEqual([{ n: 10, t: 'b' }])
    const letters = await inTopic(driver, 'p.sort.dlq')
    expect(letters.map(({ facts }) => facts['millrace-dlq-code'])).toEqual([
      'RECORD_ROUTE',
      'RECORD_ROUTE',
    ])
    expect(letters.map(({ facts }) => facts['millrace-dlq-message']).join()).toMatch(
      /"x\.\.\.\/etc".*allow.*"x\."/,
    )
    await driver.close()
  })

  it('chooses for each result of a record by itself, and fails all of them with one', async () => {
    const driver = await drive(
      file(
        'steps:',
        '  - split: value.parts',
        '  - route: { high: value.n + 0 >= 10 }',
        '    if: value.n != 5',
        'to: { high: high, otherwise: low }',
      ),
    )
    await driver.send('ingest', [
      json({ id: 'a', parts: [{ n: 10 }, { n: 5 }, { n: 1 }, { n: 11 }] }),
      json({ id: 'a', parts: [{ n: 12 }, {}] }),
    ])
    expect(valuesOf(await inTopic(driver, 'high'))).toEqual([{ n: 10 }, { n: 11 }])
    expect(valuesOf(await inTopic(driver, 'low'))).toEqual([{ n: 5 }, { n: 1 }])
    expect(await inTopic(driver, 'p.sort.dlq')).toHaveLength(1)
    await driver.close()
  })

  it('routes what a window makes, and dead-letters a result that has no output', async () => {
    const driver = await drive(
      file(
        'event_time: value.ts',
        'steps:',
        '  - aggregate: { window: { tumbling: 10s }, by: value.id, fields: { n: count() } }',
        '  - route: { high: value.n > 1, odd: value.n == 1 && value.id != "c" }',
        'to: { high: high, odd: x.a }',
      ),
    )
    await driver.send(
      'ingest',
      ['a', 'a', 'b', 'c'].map((id) => json({ id, ts: at(1) })),
    )
    await driver.end()
    expect((await inTopic(driver, 'high')).map(({ value }) => value)).toEqual([
      expect.objectContaining({ id: 'a', n: 2 }),
    ])
    expect(await inTopic(driver, 'x.a')).toHaveLength(1)
    const [letter] = await inTopic(driver, 'p.sort.dlq')
    expect(letter!.facts['millrace-dlq-code']).toBe('RECORD_ROUTE')
    await driver.close()
  })

  it('loses and repeats nothing, and keeps the order per key and output', async () => {
    const records = fc.array(
      fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd'), n: fc.integer({ min: 0, max: 20 }) }),
      { maxLength: 40 },
    )
    await fc.assert(
      fc.asyncProperty(records, fc.boolean(), async (values, restarts) => {
        const driver = await drive(routed('to: { high: high, odd: x.a }'))
        const numbered = values.map((value, seq) => ({ ...value, seq }))
        await driver.send(
          'ingest',
          numbered.slice(0, 20).map((value) => json(value)),
        )
        if (restarts) await driver.restart()
        await driver.send(
          'ingest',
          numbered.slice(20).map((value) => json(value)),
        )
        const topics = await Promise.all(
          ['high', 'x.a', 'p.sort.dlq'].map((topic) => inTopic(driver, topic)),
        )
        const seen = topics.map((all) => valuesOf(all) as typeof numbered)
        expect(seen.flat().toSorted((left, right) => left.seq - right.seq)).toEqual(numbered)
        for (const [index, all] of seen.entries()) {
          for (const { n } of all) expect(n >= 10 ? 0 : n % 2 === 1 ? 1 : 2).toBe(index)
          for (const id of ['a', 'b', 'c', 'd']) {
            const own = all.filter((value) => value.id === id).map(({ seq }) => seq)
            expect(own).toEqual(own.toSorted((left, right) => left - right))
          }
        }
        const { dispositions: counts } = await stageOf(driver, 'sort')
        if (!restarts)
          expect(dispositions.reduce((sum, name) => sum + counts[name], 0)).toBe(values.length)
        await driver.close()
      }),
      { numRuns: 30 },
    )
  })

  it('ends its readers, of each output', async () => {
    const bench = new RunBench()
    const values = Array.from({ length: 30 }, (_, index) => ({ id: `k${index % 5}`, n: index }))
    const source = plannedSource('lines', { values, sliceSize: 7 }, bench.clock)
    const text = `${withOtherwise.replace('{ feed: 1 }', '{ lines: 1 }')}
  - name: count-high
    from: high
    steps: [{ aggregate: { fields: { n: count() } } }]
    to: count.high
  - name: count-none
    from: x.a
    steps: [{ filter: false }, { aggregate: { fields: { n: count() } } }]
    to: count.none
  - name: count-low
    from: [low, x.a]
    steps: [{ aggregate: { fields: { n: count() } } }]
    to: count.low
`
    const run = await bench.start([bench.topology(text, { sources: [source] })])
    await run.done
    expect(run.runs[0]!.error).toBe(null)
    expect(valuesOf(await bench.records('count.high'))).toEqual([{ n: 20 }])
    expect(valuesOf(await bench.records('count.low'))).toEqual([{ n: 10 }])
    expect(await bench.records('count.none')).toEqual([])
  })

  it('measures a record by the topic that it goes to', async () => {
    const bench = new RunBench()
    const open = bench.log.openTask.bind(bench.log)
    bench.log.openTask = async (spec) => {
      const task = await open(spec)
      task.recordLimits = async () => new Map([['high', 40]])
      return task
    }
    const values = [{ n: 1, text: 'x'.repeat(60) }, { n: 10, text: 'x'.repeat(60) }, { n: 10 }]
    const source = plannedSource('lines', { values, sliceSize: 7 }, bench.clock)
    const text = withOtherwise.replace('{ feed: 1 }', '{ lines: 1 }')
    const run = await bench.start([bench.topology(text, { sources: [source] })])
    await run.done
    expect(valuesOf(await bench.records('x.a'))).toEqual([values[0]])
    expect(valuesOf(await bench.records('high'))).toEqual([values[2]])
    const [letter] = await bench.records('p.sort.dlq')
    expect(letter!.facts).toMatchObject({ 'millrace-dlq-code': 'RECORD_TOO_LARGE' })
  })
})
