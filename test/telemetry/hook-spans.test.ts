import { describe, expect, it } from 'vitest'
import { PipelineError } from '../../src/core/errors.ts'
import type { HookEvent } from '../../src/core/hook.ts'
import { encodeHeaders } from '../../src/core/record-batch.ts'
import type { TracedHook } from '../../src/core/telemetry.ts'
import { TokenBucket } from '../../src/core/token-bucket.ts'
import { HookRunner } from '../../src/runtime/hook-runner.ts'
import { HookTracing } from '../../src/runtime/hook-tracing.ts'
import type { HookProblem } from '../../src/runtime/listener-queue.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'
import { at, json } from '../simulation/pipeline-fixture.ts'
import { hooked, hooksOf } from './hook-scene.ts'
import { byTrace, named, openTracing, traceScene } from './span-scene.ts'
import type { ReceivedSpan } from './otlp-spans.ts'
import { chain, parent, spanId, traceId } from './traced-pipelines.ts'

const fails = () => {
  throw new Error('no such room')
}
/** The span that an event names. */
const toldSpan = (spans: readonly ReceivedSpan[], { data }: HookEvent) =>
  spans.find((span) => span.traceId === data['trace_id'] && span.spanId === data['span_id'])

describe('a listener that is called for a traced record', () => {
  it('has a span below that of the record in the stage, which the event names', async () => {
    const { spans, events } = await hooked({ on: '[record_processed]', tracing: 'rate: all' })
    const [hook] = hooksOf(spans)
    const [process] = named(spans, 'process one')
    expect(hook).toMatchObject({
      name: 'hook record_processed',
      kind: 'internal',
      service: 'p.work',
      traceId: process!.traceId,
      parentId: process!.spanId,
      isError: false,
      attributes: {
        'millrace.name': 'p',
        'millrace.stage.name': 'work',
        'millrace.hook.name': 'told',
        'millrace.hook.event': 'record_processed',
        'millrace.hook.outcome': 'delivered',
        'millrace.attempts': 1,
        'millrace.wait.duration': expect.any(Number),
      },
    })
    expect(toldSpan(spans, events[0]!)).toBe(process)
  })

  it('is timed: what it took, and how long the event waited before', async () => {
    const { spans } = await hooked({
      on: '[record_processed]',
      tracing: 'rate: all',
      values: Array.from({ length: 9 }, (_, n) => ({ n })),
      notify: (_, { clock }) => clock.sleep(50),
    })
    const hooks = hooksOf(spans)
    expect(hooks.map(({ durationMs }) => Math.round(durationMs))).toEqual(hooks.map(() => 50))
    const waitsMs = hooks.map(({ attributes }) =>
      Math.round(1_000 * Number(attributes['millrace.wait.duration'])),
    )
    // Eight are called at the same time.
    expect(waitsMs.toSorted((a, b) => a - b)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 50])
  })

  it('and fails has a span that says so', async () => {
    const { spans } = await hooked({
      on: '[record_processed]',
      tracing: 'rate: all',
      notify: fails,
    })
    const [hook] = hooksOf(spans)
    expect(hook).toMatchObject({
      isError: true,
      attributes: { 'error.type': 'failed', 'millrace.hook.outcome': 'failed' },
      events: [{ name: 'exception', attributes: { 'exception.message': 'no such room' } }],
    })
    expect(named(spans, 'process one')[0]!.attributes['millrace.trace.reason']).toBe('parent')
  })

  it('names the same spans when the work is done again', async () => {
    const ids = async () => {
      const { spans } = await hooked({
        on: '[record_processed, batch_processed]',
        tracing: 'rate: all',
      })
      return hooksOf(spans).map(({ name, traceId: id, spanId: span }) => [name, id, span])
    }
    const first = await ids()
    expect(first).toHaveLength(2)
    expect(await ids()).toEqual(first)
  })
})

describe('a listener that is called for a record that is not traced', () => {
  it('has no span', async () => {
    const { spans, events } = await hooked({
      on: '[record_processed, batch_processed, stage_started]',
      tracing: 'rate: off',
    })
    expect(events).toHaveLength(3)
    expect(spans).toEqual([])
  })

  it('and fails keeps the trace of the record', async () => {
    const { spans } = await hooked({
      on: '[record_processed]',
      tracing: 'rate: off',
      notify: fails,
    })
    const [process, hook] = [named(spans, 'process one')[0]!, hooksOf(spans)[0]!]
    expect(spans.map(({ name }) => name)).toEqual([
      'wait one',
      'process one',
      'hook record_processed',
    ])
    expect(process.attributes).toMatchObject({
      'millrace.trace.reason': 'hook',
      'millrace.outcome': 'emitted',
      'millrace.record.offset': 0,
    })
    expect(hook).toMatchObject({ parentId: process.spanId, traceId: process.traceId })
    expect(named(spans, 'wait one')[0]!.endNs).toBe(process.startNs)
  })

  it('and takes for longer than its deadline keeps it too', async () => {
    const { spans } = await hooked({
      on: '[record_processed]',
      tracing: 'rate: off',
      notify: (_, { clock }) => clock.sleep(60_000),
    })
    expect(named(spans, 'process one')).toHaveLength(1)
    expect(hooksOf(spans)[0]!.attributes['millrace.hook.outcome']).toBe('timed_out')
  })

  it('and fails over and over keeps no more traces than failed records do', async () => {
    const values = Array.from({ length: 100 }, (_, n) => ({ n }))
    const { spans } = await hooked({
      on: '[record_processed]',
      tracing: 'rate: off',
      notify: fails,
      values,
    })
    expect(named(spans, 'process one')).toHaveLength(16)
    expect(hooksOf(spans)).toHaveLength(16)
  })

  it('and fails goes on with the trace of upstream, which had not sampled it', async () => {
    const { spans, events } = await hooked({
      on: '[record_processed]',
      tracing: 'rate: off',
      notify: fails,
      headers: encodeHeaders([parent('00')]),
    })
    expect(named(spans, 'process one')[0]).toMatchObject({ traceId, parentId: spanId })
    expect(events[0]!.data['trace_id']).toBe(traceId)
  })
})

describe('a listener that is called for no single record', () => {
  it('has a trace of its own with links to the traced records of the slice', async () => {
    const { spans } = await hooked({
      on: '[batch_processed]',
      tracing: 'rate: all, links: 2',
      values: [{ n: 1 }, { n: 2 }, { n: 3 }],
    })
    const [hook] = hooksOf(spans)
    const processed = named(spans, 'process one')
    expect(hook!.parentId).toBe('')
    expect(spans.filter((span) => span.traceId === hook!.traceId)).toEqual([hook])
    expect(hook!.links.map((link) => link.spanId)).toEqual(
      processed.slice(0, 2).map((span) => span.spanId),
    )
  })

  it('has a link to the result of a window, which the event names', async () => {
    const { spans, events } = await hooked({
      on: '[window_closed]',
      tracing: 'rate: all',
      values: [1, 2, 30].map((second) => ({ k: 'a', ts: at(second) })),
      steps:
        '[ { aggregate: { by: value.k, window: { tumbling: 10s, grace: 0s }, fields: { n: count() } } } ]',
    })
    const emits = named(spans, 'emit work')
    expect(emits.length).toBeGreaterThan(0)
    expect(hooksOf(spans).map(({ links }) => links[0]!.spanId)).toEqual(
      emits.map((emit) => emit.spanId),
    )
    expect(events.map((event) => toldSpan(spans, event))).toEqual(emits)
  })

  it('has a trace where it fails, also when nothing else is traced', async () => {
    const { spans } = await hooked({ on: '[stage_started]', tracing: 'rate: off', notify: fails })
    expect(spans).toMatchObject([
      { name: 'hook stage_started', parentId: '', links: [], isError: true },
    ])
  })
})

describe('a listener that fails', () => {
  it('is told of in the log with the trace that is kept for it', async () => {
    const opened = await openTracing()
    const { telemetry } = opened
    const clock = new VirtualClock(0)
    const problems: HookProblem[] = []
    const runner = new HookRunner({
      stage: 'work',
      hooks: [{ on: ['stage_blocked'], when: null, listener: { notify: fails }, name: 'told' }],
      clock,
      tracing: new HookTracing({
        tracing: telemetry.tracing,
        faults: new TokenBucket({ perSecond: 1, burst: 1 }),
        pipeline: 'p',
        stage: 'work',
        mask: (text) => text.replace('room', '***'),
      }),
      onProblem: (problem) => problems.push(problem),
    })
    const event = {
      id: 'e1',
      pipeline: 'p',
      stage: 'work',
      timeMs: 0,
      data: {},
      value: null,
    } as const
    for (let call = 0; call < 2; call++) {
      runner.publish({ ...event, event: 'stage_blocked' })
      await clock.advance(1)
    }
    await runner.close(0)
    // Only one is kept here.
    const [kept, ...others] = await opened.spans()
    expect(others).toEqual([])
    expect(kept!.events[0]!.attributes['exception.message']).toBe('no such ***')
    expect(problems.map(({ ids }) => ids)).toEqual([
      { trace_id: kept!.traceId, span_id: kept!.spanId },
      {},
    ])
  })
})

describe('a listener of a reliable hook', () => {
  it('has a span with a link to that of the record, with all attempts in it', async () => {
    let calls = 0
    const { spans, events } = await hooked({
      on: 'record_processed',
      tracing: 'rate: all',
      reliable: true,
      notify: (_event, { clock }) => {
        calls += 1
        if (calls === 1) throw new TypeError('not yet')
        return clock.sleep(20)
      },
    })
    const [call, ...more] = hooksOf(spans)
    expect(more).toEqual([])
    const record = named(spans, 'process one')[0]!
    expect(call!.links).toMatchObject([{ traceId: record.traceId, spanId: record.spanId }])
    expect(call!.attributes).toMatchObject({ 'millrace.attempts': 2 })
    expect(events[0]!.data).toMatchObject({ trace_id: record.traceId, span_id: record.spanId })
    expect(new Set(events.map(({ id }) => id)).size).toBe(1)
    expect(events).toHaveLength(2)
  })
})

describe('an event', () => {
  it('of a record that a sink took at the second attempt names the trace that it got for that', async () => {
    const { spans, events } = await hooked({
      on: '[record_processed]',
      tracing: 'rate: off',
      write: (_batch, attempt) => {
        if (attempt === 1) throw new PipelineError('PEER_REJECTED', 'no room today')
        return []
      },
    })
    expect(toldSpan(spans, events[0]!)!.attributes).toMatchObject({
      'messaging.destination.name': 'one',
      'millrace.trace.reason': 'retry',
    })
    expect(hooksOf(spans)).toHaveLength(1)
  })

  it('of a slow record, which is known only after its steps, names its trace', async () => {
    const scene = await traceScene(chain('tracing: { rate: off, slow: 1s }'), {
      hears: ['record_processed'],
    })
    const { driver } = scene
    await driver.close()
    await driver.append('one', [json({ k: 7 })])
    await driver.clock.advance(5_000)
    await driver.start()
    await driver.settle()
    const spans = await scene.spans()
    const event = driver.events.find(({ stage }) => stage === 'clean')
    const [process] = named(spans, 'process one')
    expect(process!.attributes['millrace.trace.reason']).toBe('slow')
    expect(toldSpan(spans, event!)).toBe(process)
  })

  it.each(['parent', 'link', 'off'])(
    'of a failed record from upstream names the exported span with `continue: %s`',
    async (continues) => {
      const { spans, events } = await hooked({
        on: '[record_failed, record_dead_lettered]',
        tracing: `rate: off, continue: ${continues}`,
        headers: encodeHeaders([parent('00')]),
        steps: '[ { require: value.n > 1 } ]',
      })
      const [process] = named(spans, 'process one')
      expect(events).toHaveLength(2)
      for (const event of events) expect(toldSpan(spans, event)).toBe(process)
      expect(byTrace(spans)).toHaveLength(1)
      expect(process!.traceId === traceId).toBe(continues === 'parent')
      expect(events[0]!.data['linked_trace_id']).toBe(continues === 'link' ? traceId : undefined)
      expect(events[0]!.data['linked_span_id']).toBe(continues === 'link' ? spanId : undefined)
      expect(hooksOf(spans).map(({ parentId }) => parentId)).toEqual([
        process!.spanId,
        process!.spanId,
      ])
    },
  )
})

describe('the limit of spans', () => {
  it('holds for calls of listeners, and those beyond it are counted', async () => {
    const opened = await openTracing()
    const { telemetry } = opened
    const call: TracedHook = {
      traceId,
      spanId,
      parentId: null,
      links: [],
      pipeline: 'p',
      stage: 'work',
      listener: 'log',
      event: 'record_processed',
      queuedUs: 1_000,
      startUs: 2_000,
      endUs: 3_000,
      outcome: 'delivered',
      attempts: 1,
      message: null,
    }
    for (let n = 0; n < 800; n++) telemetry.tracing.hooked(call)
    // What went well leaves a quarter to records.
    expect(telemetry.tracing.counts.dropped.limit).toBe(50)
    for (let n = 0; n < 300; n++) telemetry.tracing.hooked({ ...call, outcome: 'failed' })
    expect(telemetry.tracing.counts.dropped.limit).toBe(100)
    expect(await opened.spans()).toHaveLength(1_000)
  })
})
