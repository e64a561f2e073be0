import { describe, expect, it } from 'vitest'
import { at, inTopic, json, startMs } from '../simulation/pipeline-fixture.ts'
import { byTrace, named, traceScene, treeOf } from './span-scene.ts'
import { allTraced, outside } from './traced-pipelines.ts'

describe('the spans of a record', () => {
  it('are one trace through all stages, wait, process and send in each', async () => {
    const scene = await traceScene(allTraced)
    await scene.driver.send('ingest', [json({ k: 1 }), json({ k: 2 }), json({ k: 3 })])
    const traces = byTrace(await scene.spans())
    expect(traces).toHaveLength(3)
    for (const trace of traces)
      expect(treeOf(trace)).toEqual([
        'p.ingest send one',
        '  p.ingest wait push',
        '  p.ingest process push',
        '  p.clean wait one',
        '  p.clean process one',
        '    p.clean send two',
        '      p.show wait two',
        '      p.show process two',
        '        p.show send capture',
      ])
    expect(scene.counts()).toMatchObject({ exported: 27, recordsLeftOut: 0 })
  })

  it('follow each other in time: a wait ends when the processing begins', async () => {
    const scene = await traceScene(allTraced)
    await scene.driver.send(
      'ingest',
      Array.from({ length: 20 }, (_, k) => json({ k })),
    )
    for (const trace of byTrace(await scene.spans())) {
      for (const { durationMs } of trace) expect(durationMs).toBeGreaterThanOrEqual(0)
      for (const place of ['push', 'one', 'two']) {
        const [wait, process] = [`wait ${place}`, `process ${place}`].map(
          (name) => named(trace, name)[0]!,
        )
        expect(process!.startNs).toBe(wait!.endNs)
        const sent = trace.find(({ spanId: id }) => id === wait!.parentId)!
        if (place !== 'push') expect(wait!.startNs).toBeGreaterThanOrEqual(sent.startNs)
      }
    }
  })

  it('add up to what the report says of waiting and processing', async () => {
    const scene = await traceScene(allTraced)
    for (let turn = 0; turn < 10; turn++) {
      await scene.driver.send('ingest', [json({ k: turn }), json({ k: -turn })])
      await scene.driver.advance(7)
    }
    const { stages } = (await scene.driver.report()).pipelines[0]!
    const spans = await scene.spans()
    for (const { stage, n, T, waiting } of stages) {
      const sum = (kind: string) =>
        spans
          .filter(({ service, name }) => service === `p.${stage}` && name.startsWith(kind))
          .reduce((all, { durationMs }) => all + durationMs, 0)
      expect(n).toBe(20)
      expect(sum('process ')).toBeCloseTo(T, 3)
      const waited = sum('wait ')
      expect(waited).toBeCloseTo(waiting.queue + waiting.batch, 3)
    }
  })

  it('have the names, kinds and facts of the conventions', async () => {
    const scene = await traceScene(allTraced, { env: { OTEL_RESOURCE_ATTRIBUTES: 'host.name=h1' } })
    await scene.driver.send('ingest', [json({ k: 1 })])
    const spans = await scene.spans()
    const [process] = named(spans, 'process one')
    expect(process).toMatchObject({
      kind: 'consumer',
      service: 'p.clean',
      schemaUrl: 'https://opentelemetry.io/schemas/1.45.0',
      scope: 'millrace',
      resource: {
        'service.name': 'p.clean',
        'service.namespace': 'p',
        'service.version': '1.2.3',
        'service.instance.id': 'test/1',
        'host.name': 'h1',
      },
      attributes: {
        'messaging.system': 'millrace',
        'messaging.operation.name': 'process',
        'messaging.operation.type': 'process',
        'messaging.destination.name': 'one',
        'messaging.destination.partition.id': expect.stringMatching(/^\d$/),
        'messaging.consumer.group.name': 'p.clean',
        'millrace.record.offset': 0,
        'millrace.name': 'p',
        'millrace.stage.name': 'clean',
        'millrace.outcome': 'emitted',
        'millrace.trace.reason': 'parent',
      },
      isError: false,
    })
    // Beside the parent a link, for tools that want it.
    expect(process!.links).toMatchObject([{ spanId: process!.parentId }])
    expect(named(spans, 'wait one')[0]!.kind).toBe('internal')
    expect(named(spans, 'send two')[0]!.kind).toBe('producer')
  })

  it('are all of one service where `OTEL_SERVICE_NAME` names it', async () => {
    const scene = await traceScene(allTraced, { env: { OTEL_SERVICE_NAME: 'shop' } })
    await scene.driver.send('ingest', [json({ k: 1 })])
    expect(new Set((await scene.spans()).map(({ service }) => service))).toEqual(new Set(['shop']))
  })

  it('end where the record ends, and say how', async () => {
    const scene = await traceScene(allTraced)
    await scene.driver.send('ingest', [json({ k: 1, gone: true })])
    const spans = await scene.spans()
    expect(named(spans, 'process one')[0]!.attributes['millrace.outcome']).toBe('filtered')
    expect(named(spans, 'send two')).toEqual([])
  })

  it('of results of one record are siblings, up to 64 of them', async () => {
    const text = `
pipeline: p
tracing: { rate: all }
stages:
  - { name: many, from: raw, steps: [ { split: value.all } ], to: each }
  - { name: next, from: each, to: last }
`
    const scene = await traceScene(text)
    await scene.driver.send('raw', [json({ all: Array.from({ length: 70 }, (_, n) => ({ n })) })])
    const spans = await scene.spans()
    expect(new Set(spans.map(({ traceId: id }) => id)).size).toBe(1)
    expect(named(spans, 'send each')).toHaveLength(64)
    expect(named(spans, 'process each')).toHaveLength(64)
  })
})

describe('the context of many results', () => {
  it('is on 64 of them: the others are in no trace, not in that of their record either', async () => {
    const text = `
pipeline: p
tracing: { rate: all }
stages:
  - { name: first, from: raw, to: all }
  - { name: many, from: all, steps: [ { split: value.all } ], to: each }
  - { name: next, from: each, to: last }
`
    const scene = await traceScene(text, { partitions: 1 })
    await scene.driver.send('raw', [json({ all: Array.from({ length: 70 }, (_, n) => ({ n })) })])
    const written = await inTopic(scene.driver, 'each')
    const spans = await scene.spans()
    expect(written.filter(({ facts }) => 'traceparent' in facts)).toHaveLength(64)
    expect(named(spans, 'process each')).toHaveLength(64)
    const sent = new Set(named(spans, 'send each').map(({ spanId }) => spanId))
    for (const { parentId } of named(spans, 'process each')) expect(sent.has(parentId)).toBe(true)
  })
})

describe('the result of a window', () => {
  const windows = (more: string) => `
pipeline: p
tracing: { rate: all, ${more} }
stages:
  - name: totals
    from: raw
    event_time: value.ts
    steps:
      - aggregate:
          by: value.k
          window: { tumbling: 10s, grace: 0s }
          fields: { n: count() }
    to: totals
  - { name: next, from: totals, to: last }
`
  const records = (count: number) =>
    Array.from({ length: count }, (_, n) => json({ k: 'a', n, ts: at(1 + n / 100) }))

  it('is a trace of its own, with links to the records in it that were traced', async () => {
    const scene = await traceScene(windows('links: 32'), { partitions: 1 })
    await scene.driver.send('raw', records(5))
    await scene.driver.send('raw', [json({ k: 'b', ts: at(30) })])
    const spans = await scene.spans()
    const [emit] = named(spans, 'emit totals')
    expect(emit).toMatchObject({ parentId: '', kind: 'producer' })
    expect(emit!.links).toHaveLength(5)
    for (const link of emit!.links) {
      const linked = spans.find(({ spanId: id }) => id === link.spanId)!
      expect(linked).toMatchObject({ traceId: link.traceId, name: 'process raw' })
      expect(linked.attributes['millrace.window.id']).toBe(emit!.attributes['millrace.window.id'])
      expect(linked.attributes['millrace.outcome']).toBe('absorbed')
    }
    expect(emit!.attributes['millrace.window.time']).toBe(new Date(startMs + 9_999).toISOString())
    // The next stage goes on with that trace.
    expect(named(spans, 'process totals')[0]).toMatchObject({
      traceId: emit!.traceId,
      parentId: emit!.spanId,
    })
  })

  it('has no more than so many links, and says how many it left out', async () => {
    const scene = await traceScene(windows('links: 32'), { partitions: 1 })
    for (let batch = 0; batch < 5; batch++)
      await scene.driver.send('raw', records(50).slice(10 * batch, 10 * batch + 10))
    await scene.driver.send('raw', [json({ k: 'b', ts: at(30) })])
    const spans = await scene.spans()
    const [emit] = named(spans, 'emit totals')
    expect(emit!.links).toHaveLength(32)
    expect(emit!.attributes['millrace.window.links.left_out']).toBe(
      named(spans, 'process raw').filter(
        ({ attributes }) =>
          attributes['millrace.window.id'] === emit!.attributes['millrace.window.id'],
      ).length - 32,
    )
  })
})

describe('spans of work that is done again', () => {
  it('have the same ids', async () => {
    const ids = async () => {
      const scene = await traceScene(outside('tracing: { rate: all }'), { partitions: 1 })
      await scene.driver.send('raw', [json({ n: 1 }), json({ n: 2, bad: true })])
      return (await scene.spans()).map(({ name, traceId: id, spanId: span }) => [name, id, span])
    }
    const first = await ids()
    expect(first.length).toBeGreaterThan(6)
    expect(await ids()).toEqual(first)
  })
})
