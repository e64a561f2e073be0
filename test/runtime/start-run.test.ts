import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PipelineError } from '../../src/core/errors.ts'
import { plannedListener, plannedSink, plannedSource, RunBench, turns, until, WorkingClock } from './run-fixture.ts'

const numbers = (count: number) => Array.from({ length: count }, (_, n) => ({ n, c: n % 3 }))
const byN = (values: readonly unknown[]) => values.map((value) => (value as { n: number }).n).toSorted((a, b) => a - b)
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
    const topology = bench.topology(copy, { sources: [source], sinks: [sink.definition], listeners: [told.definition], partitions: 1 })
    const run = await bench.start([topology])
    await until(() => sink.attempts() > 0)
    await turns(50)
    const [pipeline] = (await run.report()).pipelines
    expect(pipeline!.stages.find(({ stage }) => stage === 'show')).toMatchObject({ phase: 'blocked', n: 0 })
    await bench.clock.advance(120_000)
    await run.done
    expect(byN(sink.values())).toEqual(upTo(50))
    expect(await bench.records('p.show.dlq')).toEqual([])
    expect(told.events.map(({ event }) => event)).toEqual(['stage_blocked', 'stage_unblocked'])
    expect(told.events[0]).toMatchObject({ stage: 'show', data: { code: 'PEER_UNAVAILABLE' } })
    expect(bench.notices.join('\n')).toMatch(/"show" is blocked: no answer/)
    const show = (await run.report()).pipelines[0]!.stages.find(({ stage }) => stage === 'show')!
    expect(show.waiting.backoff).toBeGreaterThan(0)
    expect(show.waiting.queue + show.waiting.batch + show.waiting.backoff + show.waiting.commit).toBeCloseTo(show.D, 3)
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
    const topology = bench.topology(copy, { sources: [source], sinks: [sink.definition], listeners: [told.definition] })
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
    const run = await bench.start([bench.topology(copy, { sources: [source], sinks: [sink.definition], listeners: [told.definition] })])
    await run.done
    expect((await run.report()).pipelines[0]).toMatchObject({ outcome: 'failed', error: { code: 'FILE_FAILED' } })
  })
})

describe('a sink that refuses records', () => {
  it('has them dead-lettered as the stage got them, and the others stay', async () => {
    const bench = new RunBench()
    const sink = plannedSink('kept', (batch) => {
      const refused = Array.from({ length: batch.count }, (_, index) => index).filter((index) => batch.valueText(index)!.includes('"n":7,'))
      return refused.map((index) => ({ index, code: 'RECORD_REJECTED' as const, message: 'no seven' }))
    })
    const told = plannedListener('told')
    const source = plannedSource('numbers', { values: numbers(10), sliceSize: 4 }, bench.clock)
    const run = await bench.start([bench.topology(copy, { sources: [source], sinks: [sink.definition], listeners: [told.definition], partitions: 1 })])
    await run.done
    const letters = await bench.records('p.show.dlq')
    expect(letters).toMatchObject([{ value: { n: 7, c: 1 }, facts: { 'millrace-dlq-code': 'RECORD_REJECTED', 'millrace-dlq-message': 'no seven', 'millrace-dlq-topic': 'one', 'millrace-dlq-offset': '7' } }])
    const show = (await run.report()).pipelines[0]!.stages.find(({ stage }) => stage === 'show')!
    expect(show).toMatchObject({ n: 10, dispositions: { emitted: 9, dead_lettered: 1 } })
    expect(told.events).toMatchObject([{ event: 'record_dead_lettered', data: { code: 'RECORD_REJECTED', offset: 7 } }])
  })

  it('fails a record once, however many of its results are refused', async () => {
    const bench = new RunBench()
    const sink = plannedSink('kept', (batch) =>
      Array.from({ length: batch.count }, (_, index) => ({ index, code: 'RECORD_REJECTED' as const, message: 'none' })).filter(({ index }) => batch.valueText(index) !== '9'),
    )
    const text = copy.replace('    sink:', '    steps:\n      - split: value\n    sink:')
    const told = plannedListener('told')
    const source = plannedSource('numbers', { values: [[1, 2, 3], [9, 4], [9]], sliceSize: 3 }, bench.clock)
    const run = await bench.start([bench.topology(text, { sources: [source], sinks: [sink.definition], listeners: [told.definition], partitions: 1 })])
    await run.done
    expect((await bench.records('p.show.dlq')).map(({ value }) => value)).toEqual([[1, 2, 3], [9, 4]])
    const show = (await run.report()).pipelines[0]!.stages.find(({ stage }) => stage === 'show')!
    expect(show.dispositions).toMatchObject({ dead_lettered: 2, emitted: 1 })
  })
})

describe('a source', () => {
  it('has what it cannot read dead-lettered by its stage', async () => {
    const bench = new RunBench()
    const sink = plannedSink('kept', () => [])
    const told = plannedListener('told')
    const source = plannedSource('numbers', { values: numbers(6), sliceSize: 4, unreadable: [1, 5] }, bench.clock)
    const run = await bench.start([bench.topology(copy, { sources: [source], sinks: [sink.definition], listeners: [told.definition], partitions: 1 })])
    await run.done
    expect(byN(sink.values())).toEqual([0, 2, 3, 4])
    const letters = await bench.records('p.ingest.dlq')
    expect(letters.map(({ value, facts }) => [value, facts['millrace-dlq-message']])).toEqual([
      [{ n: 1, c: 1 }, 'line 2 is broken'], [{ n: 5, c: 2 }, 'line 6 is broken'],
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
    const other = plannedSource('other', { values: [{ ts: '2026-01-01T00:00:40Z' }], sliceSize: 1, bounded: false }, bench.clock)
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
    const run = await bench.start([bench.topology(text, { sources: [source, other], partitions: 1 })])
    await until(() => failures > 0)
    await bench.clock.advance(100_000)
    expect(failures).toBeGreaterThan(5)
    expect(await bench.records('two')).toEqual([])
    bench.stop()
    await run.done
  })
})

describe('a run that is stopped', () => {
  it('keeps whole slices or nothing of them, and the next run goes on exactly', async () => {
    const text = `
pipeline: p
stages:
  - name: ingest
    source: { numbers: 1 }
    key: value.c
    to: one
  - name: clean
    from: one
    steps:
      - dedupe:
          by: value.n
      - set:
          seen: true
    to: two
  - name: totals
    from: two
    steps:
      - aggregate:
          by: value.c
          fields: { n: count(), sum: sum(value.n) }
    to: three
  - name: show
    from: two
    sink: { kept: 1 }
`
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(40), { maxLength: 4 }), fc.constantFrom(1, 3), async (stops, partitions) => {
        const bench = new RunBench()
        const sink = plannedSink('kept', () => [])
        const source = plannedSource('numbers', { values: numbers(60), sliceSize: 4 }, bench.clock)
        const topology = bench.topology(text, { sources: [source], sinks: [sink.definition], partitions })
        for (const afterTurns of stops) {
          const run = await bench.start([topology])
          await turns(afterTurns)
          bench.stop()
          await run.done
          expect(run.runs[0]!.error).toBeNull()
        }
        const last = await bench.start([topology])
        await last.done
        expect((await last.report()).pipelines[0]).toMatchObject({ outcome: 'completed' })
        expect(byN((await bench.records('one')).map(({ value }) => value))).toEqual(upTo(60))
        expect(byN((await bench.records('two')).map(({ value }) => value))).toEqual(upTo(60))
        expect(new Set(byN(sink.values()))).toEqual(new Set(upTo(60)))
        const totals = new Map((await bench.records('three')).map(({ key, value }) => [key, value]))
        expect(totals.get('0')).toEqual({ c: 0, n: 20, sum: 570 })
        expect(totals.get('2')).toEqual({ c: 2, n: 20, sum: 610 })
      }),
      { numRuns: 20 },
    )
  })

  it('before it began has done nothing', async () => {
    const bench = new RunBench()
    const source = plannedSource('numbers', { values: numbers(5), sliceSize: 1 }, bench.clock)
    const sink = plannedSink('kept', () => [])
    const told = plannedListener('told')
    const starting = bench.start([bench.topology(copy, { sources: [source], sinks: [sink.definition], listeners: [told.definition] })])
    bench.stop()
    const run = await starting
    await run.done
    expect(sink.attempts()).toBe(0)
  })
})

describe('a finished run', () => {
  it('run again does nothing twice', async () => {
    const bench = new RunBench()
    const sink = plannedSink('kept', () => [])
    const told = plannedListener('told')
    const source = plannedSource('numbers', { values: numbers(20), sliceSize: 5 }, bench.clock)
    const topology = bench.topology(copy, { sources: [source], sinks: [sink.definition], listeners: [told.definition] })
    for (let time = 0; time < 3; time++) {
      const run = await bench.start([topology])
      await run.done
      expect((await run.report()).pipelines[0]).toMatchObject({ outcome: 'completed' })
    }
    expect(byN(sink.values())).toEqual(upTo(20))
  })

  it('goes on waiting with `follow`, until it is stopped', async () => {
    const bench = new RunBench()
    const sink = plannedSink('kept', () => [])
    const told = plannedListener('told')
    const source = plannedSource('numbers', { values: numbers(20), sliceSize: 5 }, bench.clock)
    const run = await bench.start([bench.topology(copy, { sources: [source], sinks: [sink.definition], listeners: [told.definition] })], { follow: true })
    let isDone = false
    void run.done.then(() => (isDone = true))
    await until(() => sink.values().length === 20)
    await turns(200)
    await bench.clock.advance(100_000)
    expect(isDone).toBe(false)
    bench.stop()
    await run.done
    expect(run.runs[0]!.error).toBeNull()
  })
})

describe('pipelines that run together', () => {
  const writer = `
pipeline: writer
stages:
  - name: ingest
    source: { numbers: 1 }
    to: shared
`
  const reader = `
pipeline: reader
stages:
  - name: totals
    from: shared
    steps:
      - aggregate:
          fields: { n: count() }
    to: totals
`

  it('end together when one reads what the other writes', async () => {
    const bench = new RunBench()
    const source = plannedSource('numbers', { values: numbers(30), sliceSize: 7 }, bench.clock)
    const run = await bench.start([bench.topology(reader, {}), bench.topology(writer, { sources: [source] })])
    await run.done
    expect((await run.report()).pipelines.map(({ pipeline, outcome }) => [pipeline, outcome])).toEqual([['reader', 'completed'], ['writer', 'completed']])
    expect((await bench.records('totals')).at(-1)!.value).toEqual({ n: 30 })
  })

  it('refuse to start when one does not fit what is stored, before anything is read', async () => {
    const bench = new RunBench()
    const source = plannedSource('numbers', { values: numbers(30), sliceSize: 7 }, bench.clock)
    const first = await bench.start([bench.topology(reader, {}), bench.topology(writer, { sources: [source] })])
    await first.done
    const changed = reader.replace('fields: { n: count() }', 'fields: { n: count(), m: max(value.n) }')
    const again = bench.start([bench.topology(writer, { sources: [source] }), bench.topology(changed, {})])
    await expect(again).rejects.toMatchObject({ code: 'CONFIG_INCOMPATIBLE' })
    await expect(again).rejects.toThrow(/"aggregate".*another `id:`.*--fresh/s)
  })
})

describe('listeners', () => {
  it('that hang or throw neither slow nor change the run', async () => {
    const results = async (notify: () => Promise<void> | void) => {
      const bench = new RunBench()
      const sink = plannedSink('kept', () => [])
      const told = plannedListener('told', notify)
      const source = plannedSource('numbers', { values: numbers(2_000), sliceSize: 100 }, bench.clock)
      const text = copy.replace('on: [stage_blocked, stage_unblocked, record_dead_lettered]', 'on: [record_processed, batch_processed]')
      const run = await bench.start([bench.topology(text, { sources: [source], sinks: [sink.definition], listeners: [told.definition] })])
      await until(() => sink.values().length === 2_000)
      const atMs = bench.clock.wallMs()
      await bench.clock.advance(60_000)
      await run.done
      return { values: byN(sink.values()), atMs, outcome: (await run.report()).pipelines[0]!.outcome }
    }
    const calm = await results(() => {})
    expect(calm.values).toEqual(upTo(2_000))
    expect(await results(() => new Promise(() => {}))).toEqual(calm)
    expect(
      await results(() => {
        throw new TypeError('bad listener')
      }),
    ).toEqual(calm)
  })

  it('hear of a record only when it is committed', async () => {
    const bench = new RunBench()
    let isAway = true
    const sink = plannedSink('kept', () => {
      if (isAway) throw unavailable()
      return []
    })
    const told = plannedListener('told')
    const source = plannedSource('numbers', { values: numbers(3), sliceSize: 3 }, bench.clock)
    const text = copy.replace('record_dead_lettered]', 'record_processed]')
    const run = await bench.start([bench.topology(text, { sources: [source], sinks: [sink.definition], listeners: [told.definition], partitions: 1 })])
    await until(() => sink.attempts() > 0)
    await bench.clock.advance(1_000)
    expect(told.events.map(({ event }) => event)).toEqual(['stage_blocked'])
    isAway = false
    await bench.clock.advance(60_000)
    await run.done
    expect(told.events.map(({ event }) => event)).toEqual(['stage_blocked', 'stage_unblocked', 'record_processed', 'record_processed', 'record_processed'])
  })
})

describe('the time of a run', () => {
  it('is accounted for: the stages\' waiting and running add up to the way of the records, within 1 %', async () => {
    const bench = new RunBench(new WorkingClock(Date.UTC(2026, 0, 1)))
    let ingestUs = 0
    let writtenUs = 0
    const source = plannedSource('numbers', { values: numbers(5_000), sliceSize: 500 }, bench.clock)
    const text = `
pipeline: p
stages:
  - name: ingest
    source: { numbers: 1 }
    to: one
  - name: clean
    from: one
    steps:
      - set: { seen: true }
    to: two
  - name: last
    from: two
    to: three
`
    const run = await bench.start([bench.topology(text, { sources: [source], partitions: 2 })])
    await run.done
    for (const record of await bench.records('three')) {
      ingestUs += record.ingestUs
      // What the header cannot know is the last commit, which the last stage's report has.
      writtenUs += record.ingestUs + record.waitUs + record.runUs
      expect(record.ingestUs + record.waitUs + record.runUs).toBeLessThanOrEqual(bench.clock.monotonicUs())
    }
    const { stages } = (await run.report()).pipelines[0]!
    const accountedMs = stages.reduce((sum, { T, D }) => sum + T + D, 0)
    const wayMs = (writtenUs - ingestUs) / 1_000 + stages.at(-1)!.waiting.commit
    expect(wayMs).toBeGreaterThan(1_000)
    expect(Math.abs(accountedMs - wayMs) / wayMs).toBeLessThan(0.01)
    for (const { n, t, T, s, D } of stages) {
      expect(n).toBe(5_000)
      expect(n * t.mean).toBeCloseTo(T, 6)
      expect(n * s.mean).toBeCloseTo(D, 6)
    }
  })
})
