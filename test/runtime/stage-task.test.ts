import { describe, expect, it } from 'vitest'
import { PipelineError } from '../../src/core/errors.ts'
import {
  plannedListener,
  plannedSink,
  plannedSource,
  RunBench,
  turns,
  until,
} from './run-fixture.ts'

const numbers = (count: number) => Array.from({ length: count }, (_, n) => ({ n, c: n % 3 }))
const byN = (values: readonly unknown[]) =>
  values.map((value) => (value as { n: number }).n).toSorted((a, b) => a - b)
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n)

const copy = `
pipeline: p
stages:
  - name: ingest
    source: { numbers: 1 }
    to: one
  - name: show
    from: one
    retry:
      backoff: { initial: 100ms, max: 10s }
    sink: { kept: 1 }
    hooks:
      - on: [stage_blocked, stage_unblocked, record_dead_lettered]
        do:
          told: 1
`

function unavailable(): PipelineError {
  return new PipelineError('PEER_UNAVAILABLE', 'no answer')
}

describe('a sink that is away for a while', () => {
  it('blocks its stage, loses nothing and dead-letters nothing', async () => {
    const bench = new RunBench()
    const sink = plannedSink('kept', (_batch, attempt) => {
      if (attempt <= 12) throw unavailable()
      return []
    })
    const told = plannedListener('told')
    const source = plannedSource('numbers', { values: numbers(50), sliceSize: 5 }, bench.clock)
    const topology = bench.topology(copy, {
      sources: [source],
      sinks: [sink.definition],
      listeners: [told.definition],
      partitions: 1,
    })
    const run = await bench.start([topology])
    await until(() => sink.attempts() > 0)
    await turns(50)
    const [pipeline] = (await run.report()).pipelines
    expect(pipeline!.stages.find(({ stage }) => stage === 'show')).toMatchObject({
      phase: 'blocked',
      n: 0,
    })
    await bench.clock.advance(120_000)
    await run.done
    expect(byN(sink.values())).toEqual(upTo(50))
    expect(await bench.records('p.show.dlq')).toEqual([])
    expect(told.events.map(({ event }) => event)).toEqual(['stage_blocked', 'stage_unblocked'])
    expect(told.events[0]).toMatchObject({ stage: 'show', data: { code: 'PEER_UNAVAILABLE' } })
    expect(bench.notices.join('\n')).toMatch(/"show" is blocked: no answer/)
    const show = (await run.report()).pipelines[0]!.stages.find(({ stage }) => stage === 'show')!
    expect(show.waiting.backoff).toBeGreaterThan(0)
    expect(
      show.waiting.queue + show.waiting.batch + show.waiting.backoff + show.waiting.commit,
    ).toBeCloseTo(show.D, 3)
  })

  it('does not keep the run from stopping at once, and the next run goes on where it was', async () => {
    const bench = new RunBench()
    let isAway = true
    const sink = plannedSink('kept', () => {
      if (isAway) throw unavailable()
      return []
    })
    const told = plannedListener('told')
    const source = plannedSource('numbers', { values: numbers(20), sliceSize: 5 }, bench.clock)
    const topology = bench.topology(copy, {
      sources: [source],
      sinks: [sink.definition],
      listeners: [told.definition],
    })
    const first = await bench.start([topology])
    await until(() => sink.attempts() > 3)
    bench.stop()
    await first.done
    expect(first.runs[0]!.error).toBeNull()
    expect((await first.report()).pipelines[0]).toMatchObject({ outcome: 'stopped' })
    isAway = false
    const second = await bench.start([topology])
    await second.done
    expect((await second.report()).pipelines[0]).toMatchObject({ outcome: 'completed' })
    expect(byN(sink.values())).toEqual(upTo(20))
  })

  it('that fails for good stops the pipeline and says so', async () => {
    const bench = new RunBench()
    const sink = plannedSink('kept', () => {
      throw new PipelineError('FILE_FAILED', 'writing out.ndjson: I/O error')
    })
    const told = plannedListener('told')
    const source = plannedSource('numbers', { values: numbers(20), sliceSize: 5 }, bench.clock)
    const run = await bench.start([
      bench.topology(copy, {
        sources: [source],
        sinks: [sink.definition],
        listeners: [told.definition],
      }),
    ])
    await run.done
    expect((await run.report()).pipelines[0]).toMatchObject({
      outcome: 'failed',
      error: { code: 'FILE_FAILED' },
    })
  })
})

describe('a sink that rejects a batch', () => {
  const setUp = (accepts: (attempt: number) => boolean) => {
    const bench = new RunBench()
    const sink = plannedSink('kept', (_batch, attempt) => {
      if (!accepts(attempt)) throw new PipelineError('PEER_REJECTED', 'constraint violated')
      return []
    })
    const source = plannedSource('numbers', { values: numbers(5), sliceSize: 5 }, bench.clock)
    const topology = bench.topology(copy, {
      sources: [source],
      sinks: [sink.definition],
      listeners: [plannedListener('told').definition],
      partitions: 1,
    })
    return { bench, sink, topology }
  }

  it('is given it `retry.max` times; then its records are dead-lettered with the attempts', async () => {
    const { bench, sink, topology } = setUp(() => false)
    const run = await bench.start([topology])
    await until(() => sink.attempts() > 0)
    await bench.clock.advance(60_000)
    await run.done
    expect(sink.attempts()).toBe(3)
    const dead = await bench.records('p.show.dlq')
    expect(byN(dead.map(({ value }) => value))).toEqual(upTo(5))
    expect(dead[0]!.facts).toMatchObject({
      'millrace-dlq-code': 'RECORD_REJECTED',
      'millrace-dlq-message': 'constraint violated',
      'millrace-dlq-attempts': '3',
    })
  })

  it('keeps it when it takes it at last', async () => {
    const { bench, sink, topology } = setUp((attempt) => attempt === 3)
    const run = await bench.start([topology])
    await until(() => sink.attempts() > 0)
    await bench.clock.advance(60_000)
    await run.done
    expect(byN(sink.values())).toEqual(upTo(5))
    expect(await bench.records('p.show.dlq')).toEqual([])
  })
})

describe('a pipeline that reads what another writes', () => {
  it('stops with a notice when that one has failed, instead of waiting for ever', async () => {
    const bench = new RunBench()
    const source = plannedSource('numbers', { values: numbers(5), sliceSize: 5 }, bench.clock)
    const sink = plannedSink('kept', () => [])
    const broken = plannedSink('broken', () => {
      throw new PipelineError('FILE_FAILED', 'I/O error')
    })
    const parts = { sources: [source], sinks: [sink.definition, broken.definition] }
    const writer = `
pipeline: writer
stages:
  - { name: ingest, source: { numbers: 1 }, to: shared }
  - { name: break, from: shared, sink: { broken: 1 } }
`
    const reader = `
pipeline: reader
stages:
  - { name: show, from: shared, sink: { kept: 1 } }
`
    const run = await bench.start([bench.topology(writer, parts), bench.topology(reader, parts)])
    await run.done
    const outcomes = (await run.report()).pipelines.map(({ outcome }) => outcome)
    expect(outcomes).toEqual(['failed', 'stopped'])
    expect(bench.notices.join('\n')).toMatch(
      /"reader" stops: it reads what "writer" no longer writes/,
    )
  })
})

describe('a sink that refuses records', () => {
  it('has them dead-lettered as the stage got them, and the others stay', async () => {
    const bench = new RunBench()
    const sink = plannedSink('kept', (batch) => {
      const refused = Array.from({ length: batch.count }, (_, index) => index).filter((index) =>
        batch.valueText(index)!.includes('"n":7,'),
      )
      return refused.map((index) => ({
        index,
        code: 'RECORD_REJECTED' as const,
        message: 'no seven',
      }))
    })
    const told = plannedListener('told')
    const source = plannedSource('numbers', { values: numbers(10), sliceSize: 4 }, bench.clock)
    const run = await bench.start([
      bench.topology(copy, {
        sources: [source],
        sinks: [sink.definition],
        listeners: [told.definition],
        partitions: 1,
      }),
    ])
    await run.done
    const letters = await bench.records('p.show.dlq')
    expect(letters).toMatchObject([
      {
        value: { n: 7, c: 1 },
        facts: {
          'millrace-dlq-code': 'RECORD_REJECTED',
          'millrace-dlq-message': 'no seven',
          'millrace-dlq-topic': 'one',
          'millrace-dlq-offset': '7',
        },
      },
    ])
    const show = (await run.report()).pipelines[0]!.stages.find(({ stage }) => stage === 'show')!
    expect(show).toMatchObject({ n: 10, dispositions: { emitted: 9, dead_lettered: 1 } })
    expect(told.events).toMatchObject([
      { event: 'record_dead_lettered', data: { code: 'RECORD_REJECTED', offset: 7 } },
    ])
  })

  it('fails a record once, however many of its results are refused', async () => {
    const bench = new RunBench()
    const sink = plannedSink('kept', (batch) =>
      Array.from({ length: batch.count }, (_, index) => ({
        index,
        code: 'RECORD_REJECTED' as const,
        message: 'none',
      })).filter(({ index }) => batch.valueText(index) !== '9'),
    )
    const text = copy.replace('    sink:', '    steps:\n      - split: value\n    sink:')
    const told = plannedListener('told')
    const source = plannedSource(
      'numbers',
      { values: [[1, 2, 3], [9, 4], [9]], sliceSize: 3 },
      bench.clock,
    )
    const run = await bench.start([
      bench.topology(text, {
        sources: [source],
        sinks: [sink.definition],
        listeners: [told.definition],
        partitions: 1,
      }),
    ])
    await run.done
    expect((await bench.records('p.show.dlq')).map(({ value }) => value)).toEqual([
      [1, 2, 3],
      [9, 4],
    ])
    const show = (await run.report()).pipelines[0]!.stages.find(({ stage }) => stage === 'show')!
    expect(show.dispositions).toMatchObject({ dead_lettered: 2, emitted: 1 })
  })
})

describe('a source', () => {
  it('has what it cannot read dead-lettered by its stage', async () => {
    const bench = new RunBench()
    const sink = plannedSink('kept', () => [])
    const told = plannedListener('told')
    const source = plannedSource(
      'numbers',
      { values: numbers(6), sliceSize: 4, unreadable: [1, 5] },
      bench.clock,
    )
    const run = await bench.start([
      bench.topology(copy, {
        sources: [source],
        sinks: [sink.definition],
        listeners: [told.definition],
        partitions: 1,
      }),
    ])
    await run.done
    expect(byN(sink.values())).toEqual([0, 2, 3, 4])
    const letters = await bench.records('p.ingest.dlq')
    expect(letters.map(({ value, facts }) => [value, facts['millrace-dlq-message']])).toEqual([
      [{ n: 1, c: 1 }, 'line 2 is broken'],
      [{ n: 5, c: 2 }, 'line 6 is broken'],
    ])
    expect(letters[0]!.facts).not.toHaveProperty('millrace-dlq-topic')
  })

  it('that is away for a while is read again, and its readers do not take it for idle', async () => {
    const bench = new RunBench()
    let failures = 0
    const plan = {
      values: [{ ts: '2026-01-01T00:00:01Z' }, { ts: '2026-01-01T00:00:20Z' }],
      sliceSize: 1,
      bounded: false,
      before: (at: number) => {
        if (at === 1 && failures++ < 1_000) throw unavailable()
      },
    }
    const other = plannedSource(
      'other',
      { values: [{ ts: '2026-01-01T00:00:40Z' }], sliceSize: 1, bounded: false },
      bench.clock,
    )
    const text = `
pipeline: p
stages:
  - name: first
    source: { numbers: 1 }
    to: one
  - name: second
    source: { other: 1 }
    to: one
  - name: totals
    from: one
    event_time: value.ts
    steps:
      - aggregate: { window: { tumbling: 10s }, fields: { n: count() } }
    to: two
`
    const source = plannedSource('numbers', plan, bench.clock)
    const run = await bench.start([
      bench.topology(text, { sources: [source, other], partitions: 1 }),
    ])
    await until(() => failures > 0)
    await bench.clock.advance(100_000)
    expect(failures).toBeGreaterThan(5)
    expect(await bench.records('two')).toEqual([])
    bench.stop()
    await run.done
  })

  it('whose last records wait for their commit is not taken for idle by its readers', async () => {
    const bench = new RunBench()
    const text = `
pipeline: p
stages:
  - name: slow
    source: { slow: 1 }
    to: one
  - name: quick
    source: { quick: 1 }
    to: one
  - name: totals
    from: one
    event_time: value.ts
    steps:
      - aggregate: { window: { tumbling: 10s }, fields: { n: count() } }
    to: two
`
    const sourceOf = (type: string, second: string) => {
      const values = [{ ts: `2026-01-01T00:00:${second}Z` }]
      return plannedSource(type, { values, sliceSize: 1, bounded: false }, bench.clock)
    }
    const sources = [sourceOf('slow', '01'), sourceOf('quick', '40')]
    const run = await bench.start([bench.topology(text, { sources, partitions: 1 })], {
      beforeCommit: (task) =>
        task === 'p.slow/0' ? bench.clock.sleep(100_000) : Promise.resolve(),
    })
    await bench.clock.advance(90_000)
    expect(await bench.records('one')).toHaveLength(1)
    await bench.clock.advance(60_000)
    expect(await bench.records('p.totals.late')).toEqual([])
    expect((await bench.records('two')).map(({ value }) => value)).toMatchObject([{ n: 1 }])
    bench.stop()
    await run.done
  })
})
