import { describe, expect, it } from 'vitest'
import type { Header } from '../../src/core/record-batch.ts'
import { inTopic, json } from '../simulation/pipeline-fixture.ts'
import { named, traceScene } from './span-scene.ts'
import { outside, parent, spanId, traceId } from './traced-pipelines.ts'

describe('the context of upstream', () => {
  it('is continued where it was sampled, with its tracestate', async () => {
    const scene = await traceScene(outside('tracing: { rate: off }'))
    const headers: Header[] = [
      parent('01'),
      ['tracestate', Buffer.from('vendor=x')],
      ['other', Buffer.from('stays')],
    ]
    await scene.driver.send('raw', [json({}, { headers })])
    const [written] = await inTopic(scene.driver, 'clean')
    const spans = await scene.spans()
    const [sent] = named(spans, 'send clean')
    expect(named(spans, 'process raw')[0]).toMatchObject({ traceId, parentId: spanId })
    expect(written!.facts).toEqual({
      traceparent: `00-${traceId}-${sent!.spanId}-01`,
      tracestate: 'vendor=x',
      other: 'stays',
    })
  })

  it('is handed on untouched where it was not sampled, whatever the rate', async () => {
    const scene = await traceScene(outside('tracing: { rate: all }'))
    await scene.driver.send('raw', [json({}, { headers: [parent('00')] })])
    const [written] = await inTopic(scene.driver, 'last')
    expect(await scene.spans()).toEqual([])
    expect(written!.facts).toEqual({ traceparent: `00-${traceId}-${spanId}-00` })
  })

  it('that breaks the rules counts as none: a new trace begins', async () => {
    const scene = await traceScene(outside('tracing: { rate: all }'))
    const broken: Header = ['traceparent', Buffer.from(`00-${traceId.toUpperCase()}-${spanId}-01`)]
    await scene.driver.send('raw', [json({}, { headers: [broken] })])
    const [written] = await inTopic(scene.driver, 'clean')
    const spans = await scene.spans()
    expect(named(spans, 'process raw')[0]!.parentId).toBe('')
    expect(spans[0]!.traceId).not.toBe(traceId)
    expect(written!.headers.map(([name]) => name)).toEqual(['traceparent'])
  })

  it('becomes a link of a new trace with `continue: link`', async () => {
    const scene = await traceScene(outside('tracing: { rate: off, continue: link }'))
    await scene.driver.send('raw', [json({}, { headers: [parent('01')] })])
    const spans = await scene.spans()
    const [process] = named(spans, 'process raw')
    expect(process!.traceId).not.toBe(traceId)
    expect(process).toMatchObject({ parentId: '', links: [{ traceId, spanId }] })
    // Within the pipeline it is one trace all the same.
    expect(new Set(spans.map(({ traceId: id }) => id)).size).toBe(1)
    expect(named(spans, 'process clean')[0]!.parentId).toBe(named(spans, 'send clean')[0]!.spanId)
  })

  it('is not looked at with `continue: off`', async () => {
    const scene = await traceScene(outside('tracing: { rate: off, continue: off }'))
    await scene.driver.send('raw', [json({}, { headers: [parent('01')] })])
    const [written] = await inTopic(scene.driver, 'last')
    expect(await scene.spans()).toEqual([])
    expect(written!.facts).toEqual({ traceparent: `00-${traceId}-${spanId}-01` })
    const sampling = await traceScene(outside('tracing: { rate: all, continue: off }'))
    await sampling.driver.send('raw', [json({}, { headers: [parent('00')] })])
    const spans = await sampling.spans()
    expect(spans).toHaveLength(6)
    expect(spans.some(({ traceId: id }) => id === traceId)).toBe(false)
  })

  it('of a record that waited for more than a quarter of an hour is left, with a link', async () => {
    const scene = await traceScene(outside('tracing: { rate: off }'), {
      hears: ['record_processed'],
    })
    await scene.driver.close()
    await scene.driver.append('raw', [json({}, { headers: [parent('01')] })])
    await scene.driver.clock.advance(16 * 60_000)
    await scene.driver.start()
    await scene.driver.settle()
    const [process] = named(await scene.spans(), 'process raw')
    expect(process!.traceId).not.toBe(traceId)
    expect(process!.links).toMatchObject([{ traceId, spanId }])
    // Who hears of it finds it by the new trace.
    const event = scene.driver.events.find(({ stage }) => stage === 'clean')
    expect(event!.data).toMatchObject({
      trace_id: process!.traceId,
      span_id: process!.spanId,
      linked_trace_id: traceId,
      linked_span_id: spanId,
    })
  })

  it('is taken from `ce_traceparent` where there is no other', async () => {
    const scene = await traceScene(outside('tracing: { rate: off }'))
    const headers: Header[] = [['ce_traceparent', parent('01')[1]]]
    await scene.driver.send('raw', [json({}, { headers })])
    const [written] = await inTopic(scene.driver, 'last')
    const spans = await scene.spans()
    expect(named(spans, 'process raw')[0]).toMatchObject({ traceId, parentId: spanId })
    expect(named(spans, 'process clean')[0]!.parentId).toBe(named(spans, 'send clean')[0]!.spanId)
    expect(written!.facts['ce_traceparent']).toBe(`00-${traceId}-${spanId}-01`)
    expect(written!.facts['traceparent']).toContain(named(spans, 'send last')[0]!.spanId)
  })
})
