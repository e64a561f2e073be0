import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { PipelineError } from '../../src/core/errors.ts'
import type { JsonValue } from '../../src/core/json.ts'
import { defineStateless } from '../../src/core/operator.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'
import { plannedSink, plannedSource, RunBench, until } from '../runtime/run-fixture.ts'
import { inTopic, json, startMs } from '../simulation/pipeline-fixture.ts'
import { named, openTracing, traceScene, treeOf } from './span-scene.ts'
import { chain, outside, parent, spanId, traceId } from './traced-pipelines.ts'

describe('a record that fails', () => {
  it('is traced even where no others are, and its dead letter carries the id', async () => {
    const scene = await traceScene(chain('tracing: { rate: off }'))
    await scene.driver.send('ingest', [json({ k: 1 }), json({ k: 2, bad: true }), json({ k: 3 })])
    const [letter] = await inTopic(scene.driver, 'p.clean.dlq')
    const spans = await scene.spans()
    expect(treeOf(spans)).toEqual([
      'p.clean wait one',
      'p.clean process one',
      '  p.clean send p.clean.dlq',
    ])
    const [process, dead] = [named(spans, 'process one')[0]!, named(spans, 'send p.clean.dlq')[0]!]
    expect(process).toMatchObject({
      isError: true,
      attributes: {
        'error.type': 'RECORD_REQUIRED',
        'millrace.outcome': 'dead_lettered',
        'millrace.trace.reason': 'error',
      },
    })
    expect(dead.attributes['millrace.dlq.reason']).toBe('RECORD_REQUIRED')
    expect(letter!.facts['traceparent']).toBe(`00-${dead.traceId}-${dead.spanId}-03`)
  })

  it('is traced at most so often: the others are dead letters with an id and no spans', async () => {
    const scene = await traceScene(chain('tracing: { rate: off }'), { partitions: 1 })
    await scene.driver.send(
      'ingest',
      Array.from({ length: 500 }, (_, k) => json({ k, bad: true })),
    )
    const letters = await inTopic(scene.driver, 'p.clean.dlq')
    const spans = await scene.spans()
    expect(named(spans, 'process one')).toHaveLength(16)
    expect(letters).toHaveLength(500)
    const ids = new Set(letters.map(({ facts }) => facts['traceparent']!.slice(3, 35)))
    expect(ids.size).toBe(500)
  })

  it('goes on with the trace of upstream, which had not sampled it', async () => {
    const scene = await traceScene(outside('tracing: { rate: off }'))
    await scene.driver.send('raw', [json({ bad: true }, { headers: [parent('00')] })])
    const [letter] = await inTopic(scene.driver, 'p.clean.dlq')
    const spans = await scene.spans()
    expect(new Set(spans.map(({ traceId: id }) => id))).toEqual(new Set([traceId]))
    expect(named(spans, 'process raw')[0]!.parentId).toBe(spanId)
    expect(letter!.facts['traceparent']).toMatch(new RegExp(`^00-${traceId}-.*-01$`))
  })
})

describe('a slow record', () => {
  it('is traced where it waits for longer than the file says, and from there on', async () => {
    const scene = await traceScene(chain('tracing: { rate: off, slow: 1s }'))
    await scene.driver.send('ingest', [json({ k: 1 })])
    await scene.driver.close()
    await scene.driver.append('one', [json({ k: 7 })])
    await scene.driver.clock.advance(5_000)
    await scene.driver.start()
    await scene.driver.settle()
    const spans = await scene.spans()
    expect(treeOf(spans)).toEqual([
      'p.clean wait one',
      'p.clean process one',
      '  p.clean send two',
      '    p.show wait two',
      '    p.show process two',
      '      p.show send capture',
    ])
    expect(named(spans, 'process one')[0]!.attributes['millrace.trace.reason']).toBe('slow')
    expect(named(spans, 'wait one')[0]!.durationMs).toBeGreaterThanOrEqual(5_000)
  })
})

/** Time that passes because somebody works, not because a test says so. */
class BusyClock extends VirtualClock {
  #workedMs = 0

  work(ms: number): void {
    this.#workedMs += ms
  }

  override monotonicUs(): number {
    return super.monotonicUs() + 1_000 * this.#workedMs
  }
}

describe('a step that takes 50 ms', () => {
  it('is seen as a long process span, and as wait of the records behind it', async () => {
    const clock = new BusyClock(startMs)
    const bench = new RunBench(clock)
    const slow = defineStateless({
      type: 'toil',
      summary: 'Works for 50 ms.',
      config: z.unknown(),
      examples: [{ title: 'any', config: 1, input: [], output: [] }],
      kind: 'stateless',
      create: () => ({
        process: (record, context) => {
          clock.work(50)
          context.emit(record)
        },
      }),
    })
    const values = Array.from({ length: 10 }, (_, n) => ({ n }))
    const text = `
pipeline: p
tracing: { rate: all }
stages:
  - { name: ingest, source: { plan: 1 }, to: one }
  - { name: toil, from: one, steps: [ { toil: 1 } ], to: two }
  - { name: next, from: two, to: three }
`
    const tracing = await openTracing()
    const more = {
      sources: [plannedSource('plan', { values, sliceSize: 10 }, clock)],
      operators: [slow],
      partitions: 1,
    }
    const started = await bench.start([bench.topology(text, more)], {
      telemetry: tracing.telemetry,
    })
    await started.done
    const spans = await tracing.spans()
    const inOrder = (name: string) =>
      named(spans, name).toSorted(
        (a, b) =>
          Number(a.attributes['millrace.record.offset']) -
          Number(b.attributes['millrace.record.offset']),
      )
    expect(inOrder('process one').map(({ durationMs }) => Math.round(durationMs))).toEqual(
      values.map(() => 50),
    )
    // n records ahead, of s each: a wait of s * n.
    expect(inOrder('wait one').map(({ durationMs }) => Math.round(durationMs))).toEqual(
      values.map(({ n }) => 50 * n),
    )
    for (const { durationMs } of inOrder('process two')) expect(durationMs).toBeLessThan(1)
  })
})

describe('a record that a sink does not take at once', () => {
  const intoSink = (settings: string) => `
pipeline: p
tracing: { rate: off }
stages:
  - { name: ingest, source: { plan: 1 }, to: one }
  - { name: save, from: one, sink: { picky: 1 }, ${settings} }
`
  const rejected = () => new PipelineError('PEER_REJECTED', 'no room today')

  async function run(
    settings: string,
    write: Parameters<typeof plannedSink>[1],
    values: readonly JsonValue[] = [{ n: 1 }],
  ) {
    const bench = new RunBench()
    const tracing = await openTracing()
    const sink = plannedSink('picky', write)
    const source = plannedSource('plan', { values, sliceSize: 10 }, bench.clock)
    const more = { sources: [source], sinks: [sink.definition], partitions: 1 }
    const { telemetry } = tracing
    const started = await bench.start([bench.topology(intoSink(settings), more)], { telemetry })
    let isOver = false
    void started.done.then(() => (isOver = true))
    await until(async () => {
      await bench.clock.advance(100)
      return isOver
    })
    return { spans: await tracing.spans(), letters: await bench.records('p.save.dlq') }
  }

  it('is traced with each of its attempts, those that failed as errors', async () => {
    const { spans } = await run('retry: { max: 5 }', (_batch, attempt) => {
      if (attempt <= 2) throw rejected()
      return []
    })
    const attempts = spans.filter(({ name }) => name.startsWith('attempt'))
    expect(attempts.map(({ name, isError }) => [name, isError])).toEqual([
      ['attempt 1', true],
      ['attempt 2', true],
      ['attempt 3', false],
    ])
    expect(attempts[0]!.attributes['error.type']).toBe('PEER_REJECTED')
    const [process] = named(spans, 'process one')
    expect(process!.attributes).toMatchObject({
      'millrace.trace.reason': 'retry',
      'millrace.attempts': 3,
    })
    for (const { parentId } of attempts) expect(parentId).toBe(process!.spanId)
  })

  it('and not later either is a dead letter with the id of its own trace', async () => {
    const { spans, letters } = await run(
      'retry: { max: 1 }',
      (batch) =>
        Array.from({ length: batch.count }, (_, index) => index)
          .filter((index) => batch.valueText(index)!.includes('bad'))
          .map((index) => ({ index, code: 'RECORD_REJECTED' as const, message: 'not this one' })),
      [{ n: 1 }, { n: 2, bad: true }, { n: 3 }],
    )
    expect(letters.map(({ value }) => value)).toEqual([{ n: 2, bad: true }])
    const [dead] = named(spans, 'send p.save.dlq')
    expect(letters[0]!.facts['traceparent']).toBe(`00-${dead!.traceId}-${dead!.spanId}-03`)
    const [process] = named(spans, 'process one')
    expect(process).toMatchObject({ isError: true, traceId: dead!.traceId })
    expect(process!.attributes).toMatchObject({
      'millrace.record.offset': 1,
      'millrace.outcome': 'dead_lettered',
    })
  })
})
