import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PipelineError } from '../../src/core/errors.ts'
import type { HookEvent } from '../../src/core/hook.ts'
import type { JsonObject } from '../../src/core/json.ts'
import type { Disposition } from '../../src/core/operator.ts'
import type { RunReport } from '../../src/runtime/run-report.ts'
import { plannedListener, plannedSink, plannedSource, RunBench, until } from './run-fixture.ts'

const text = `
pipeline: p
stages:
  - name: ingest
    source: { numbers: 1 }
    to: one
  - name: clean
    from: one
    steps:
      - filter: value.n != 3
      - require: value.n != 2
    to: two
    hooks:
      - on: [record_processed, record_filtered, record_failed, record_dead_lettered]
        reliable: true
        do:
          told: 1
`

function away(): PipelineError {
  return new PipelineError('PEER_UNAVAILABLE', 'no answer')
}

interface Plan {
  readonly values?: readonly { n: number }[]
  readonly text?: string
  readonly notify?: (event: HookEvent, signal: AbortSignal) => Promise<void> | void
}

function setUp({ values = [{ n: 1 }, { n: 2 }, { n: 3 }], ...plan }: Plan = {}) {
  const bench = new RunBench()
  const told = plannedListener('told', plan.notify)
  const sink = plannedSink('kept', () => [])
  const topology = bench.topology(plan.text ?? text, {
    sources: [plannedSource('numbers', { values, sliceSize: 2 }, bench.clock)],
    sinks: [sink.definition],
    listeners: [told.definition],
    partitions: 1,
  })
  return { bench, told, topology }
}

async function storedEvents(bench: RunBench): Promise<JsonObject[]> {
  const records = await bench.records('p.events')
  return records.map(({ value }) => value as JsonObject)
}

describe('a reliable hook', () => {
  it('is told what was written to the topic of events, and has the position of its own group', async () => {
    const { bench, told, topology } = setUp()
    const run = await bench.start([topology])
    await run.done
    expect(told.events.map(({ event, data }) => [event, data['offset'], data['code']])).toEqual([
      ['record_processed', 0, undefined],
      ['record_failed', 1, 'RECORD_REQUIRED'],
      ['record_dead_lettered', 1, 'RECORD_REQUIRED'],
      ['record_filtered', 2, undefined],
    ])
    const again = await bench.start([topology])
    await again.done
    expect(told.events).toHaveLength(4)
  })

  it('has its events in the form of CloudEvents 1.0', async () => {
    const { bench, topology } = setUp()
    await (
      await bench.start([topology])
    ).done
    const [first, failed] = await storedEvents(bench)
    expect(first).toEqual({
      specversion: '1.0',
      id: expect.stringMatching(/^p\.clean:record_processed:one\/0\/0@\d+$/),
      source: '/millrace/p/clean',
      type: 'millrace.record_processed',
      subject: 'one/0/0',
      time: '2026-01-01T00:00:00.000Z',
      datacontenttype: 'application/json',
      dataschema: 'urn:millrace:hook-event:1',
      data: {
        event: {
          event: 'record_processed',
          pipeline: 'p',
          stage: 'clean',
          time: '2026-01-01T00:00:00.000Z',
          disposition: 'emitted',
          topic: 'one',
          partition: 0,
          offset: 0,
        },
        value: { n: 1 },
      },
    })
    expect(failed).toMatchObject({
      traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/),
      data: { event: { code: 'RECORD_REQUIRED' } },
    })
  })

  it('never hears of what was not committed, and once of what was worked on twice', async () => {
    const { bench, told, topology } = setUp()
    let isStuck = true
    const first = await bench.start([topology], {
      beforeCommit: (task) =>
        isStuck && task === 'p.clean/0' ? new Promise(() => {}) : Promise.resolve(),
    })
    await until(() => first.runs[0]!.tasks.some(({ inWork }) => inWork > 0))
    bench.stop()
    await bench.clock.advance(10_000)
    await first.done
    expect(told.events).toEqual([])
    expect(await storedEvents(bench)).toEqual([])
    isStuck = false
    await (
      await bench.start([topology])
    ).done
    expect(told.events).toHaveLength(4)
  })

  it('waits for a listener whose peer is away, and holds up nobody else', async () => {
    let isAway = true
    const { bench, told, topology } = setUp({
      notify: () => {
        if (isAway) throw Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
      },
    })
    const run = await bench.start([topology])
    await until(async () => (await bench.records('two')).length === 1)
    await bench.clock.advance(120_000)
    expect(new Set(told.events.map(({ id }) => id)).size).toBe(1)
    expect(told.events.length).toBeGreaterThan(5)
    expect(bench.notices.join('\n')).toContain('clean.hook-1.told" is blocked')
    isAway = false
    await bench.clock.advance(20_000)
    await run.done
    expect(new Set(told.events.map(({ id }) => id)).size).toBe(4)
    expect(await bench.records('p.events.dlq')).toEqual([])
  })

  it('puts an event that its listener refuses `retry.max` times among the dead letters', async () => {
    const { bench, told, topology } = setUp({
      notify: ({ event }) => {
        if (event === 'record_failed') throw new Error('I do not take this')
      },
    })
    const run = await bench.start([topology])
    await bench.clock.advance(10_000)
    await run.done
    expect(told.events.filter(({ event }) => event === 'record_failed')).toHaveLength(3)
    const dead = await bench.records('p.events.dlq')
    expect(dead.map(({ value }) => (value as JsonObject)['type'])).toEqual([
      'millrace.record_failed',
    ])
    const { stages } = (await run.report()).pipelines[0]!
    const hooks = stages.find(({ stage }) => stage === 'clean')!.hooks
    expect(hooks).toMatchObject([
      { event: 'record_processed', listener: 'hook-1.told', n: 1, delivered: 1 },
      { event: 'record_failed', n: 1, delivered: 0, failed: 1 },
      { event: 'record_dead_lettered', n: 1, delivered: 1 },
      { event: 'record_filtered', n: 1, delivered: 1 },
    ])
    // Two pauses between three attempts are waiting, not work.
    expect(hooks[1]!.s.mean).toBeGreaterThan(100)
    expect(hooks[1]!.t.mean).toBeLessThan(1)
  })

  it('gives a listener that hangs its deadline, as often as it may refuse', async () => {
    const { bench, told, topology } = setUp({
      values: [{ n: 1 }],
      text: text.replace('reliable: true', 'reliable: true\n        deadline: 2s'),
      notify: () => new Promise(() => {}),
    })
    const run = await bench.start([topology])
    await bench.clock.advance(10_000)
    await run.done
    expect(told.events).toHaveLength(3)
    expect(await bench.records('p.events.dlq')).toHaveLength(1)
    const hooks = (await run.report()).pipelines[0]!.stages.flatMap((stage) => stage.hooks)
    // Three calls of 2 s, and a moment each to say why.
    expect(hooks).toMatchObject([{ timedOut: 1, T: 6_300 }])
  })

  it('commits after a few events where it is, so that few are told again', async () => {
    const values = Array.from({ length: 500 }, (_, n) => ({ n: n + 10 }))
    let left = 300
    const { bench, told, topology } = setUp({
      values,
      notify: () => {
        left -= 1
        if (left < 0) throw away()
      },
    })
    const run = await bench.start([topology])
    await until(() => left < 0)
    bench.stop()
    await bench.clock.advance(10_000)
    await run.done
    left = Number.POSITIVE_INFINITY
    await (
      await bench.start([topology])
    ).done
    const ids = told.events.map(({ id }) => id)
    expect(new Set(ids).size).toBe(500)
    expect(ids.length - 500).toBeLessThanOrEqual(34)
  })

  it('waits where more comes than its rate allows, and loses nothing', async () => {
    const { bench, told, topology } = setUp({
      values: Array.from({ length: 10 }, (_, n) => ({ n: n + 10 })),
      text: text.replace('reliable: true', 'reliable: true\n        rate: 2/1s'),
    })
    const run = await bench.start([topology])
    await bench.clock.advance(1_400)
    expect(told.events.length).toBe(4)
    await bench.clock.advance(10_000)
    await run.done
    expect(told.events).toHaveLength(10)
  })

  it('writes only what its condition asks for, and tells why where that cannot be said', async () => {
    const { bench, told, topology } = setUp({
      values: [{ n: 1 }, { n: 5 }, { n: 2 }],
      text: text.replace(
        'reliable: true',
        'reliable: true\n        when: value.n + event.offset > 5 || value.x + 1 > 0',
      ),
    })
    const run = await bench.start([topology])
    await run.done
    expect(told.events.map(({ value }) => value)).toEqual([{ n: 5 }])
    const dead = await bench.records('p.events.dlq')
    expect(dead.length).toBeGreaterThan(0)
    const codes = dead.map(({ headers }) =>
      String(headers.find(([name]) => name === 'millrace-dlq-code')?.[1]),
    )
    expect(new Set(codes)).toEqual(new Set(['RECORD_EXPRESSION']))
  })
})

describe('a reliable hook of a stage with a sink', () => {
  it('is told of a stage that is blocked while it still is', async () => {
    let isAway = true
    const bench = new RunBench()
    const told = plannedListener('told')
    const sink = plannedSink('kept', () => {
      if (isAway) throw away()
      return []
    })
    const topology = bench.topology(
      `
pipeline: p
stages:
  - name: ingest
    source: { numbers: 1 }
    to: one
  - name: show
    from: one
    sink: { kept: 1 }
    hooks:
      - on: [stage_blocked, stage_unblocked, record_processed]
        reliable: true
        do: { told: 1 }
`,
      {
        sources: [plannedSource('numbers', { values: [{ n: 1 }], sliceSize: 1 }, bench.clock)],
        sinks: [sink.definition],
        listeners: [told.definition],
        partitions: 1,
      },
    )
    const run = await bench.start([topology])
    await until(() => told.events.length > 0)
    expect(told.events.map(({ event }) => event)).toEqual(['stage_blocked'])
    isAway = false
    await bench.clock.advance(20_000)
    await run.done
    expect(told.events.map(({ event }) => event)).toEqual([
      'stage_blocked',
      'stage_unblocked',
      'record_processed',
    ])
    expect(new Set(told.events.map(({ id }) => id)).size).toBe(3)
  })

  it('is not told that a record was processed which the sink refused', async () => {
    const bench = new RunBench()
    const told = plannedListener('told')
    const sink = plannedSink('kept', () => [
      { index: 1, code: 'RECORD_REJECTED', message: 'not this one' },
    ])
    const topology = bench.topology(
      `
pipeline: p
stages:
  - name: ingest
    source: { numbers: 1 }
    to: one
  - name: show
    from: one
    sink: { kept: 1 }
    hooks:
      - on: [record_processed, record_dead_lettered]
        reliable: true
        do: { told: 1 }
`,
      {
        sources: [
          plannedSource('numbers', { values: [{ n: 1 }, { n: 2 }], sliceSize: 2 }, bench.clock),
        ],
        sinks: [sink.definition],
        listeners: [told.definition],
        partitions: 1,
      },
    )
    await (
      await bench.start([topology])
    ).done
    expect(told.events.map(({ event, data }) => [event, data['offset']])).toEqual([
      ['record_processed', 0],
      ['record_dead_lettered', 1],
    ])
  })
})

describe('reliable events', () => {
  const eventOf: Readonly<Partial<Record<Disposition, string>>> = {
    emitted: 'record_processed',
    filtered: 'record_filtered',
    dead_lettered: 'record_dead_lettered',
  }

  const counts = (report: RunReport) =>
    report.pipelines[0]!.stages.find(({ stage }) => stage === 'clean')!.dispositions

  it('are as many as the dispositions of the records, whatever stops the run', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 60 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 3 }),
        async (numbers, stops) => {
          const { bench, told, topology } = setUp({ values: numbers.map((n) => ({ n })) })
          for (const turns of stops) {
            const run = await bench.start([topology])
            for (let turn = 0; turn < turns; turn++)
              await new Promise((resolve) => {
                setImmediate(resolve)
              })
            bench.stop()
            await bench.clock.advance(10_000)
            await run.done
          }
          const run = await bench.start([topology])
          await run.done
          const written = await storedEvents(bench)
          const ids = written.map(({ id }) => id)
          expect(new Set(ids).size).toBe(ids.length)
          expect(new Set(told.events.map(({ id }) => id))).toEqual(new Set(ids))
          const expected = (n: number) =>
            ({ 2: 'record_dead_lettered', 3: 'record_filtered' })[n] ?? 'record_processed'
          for (const event of new Set(Object.values(eventOf)))
            expect(written.filter(({ type }) => type === `millrace.${event}`).length).toBe(
              numbers.filter((n) => expected(n) === event).length,
            )
          if (stops.length > 0) return
          const found = counts(await run.report())
          for (const [disposition, event] of Object.entries(eventOf))
            expect(found[disposition as Disposition]).toBe(
              written.filter(({ type }) => type === `millrace.${event}`).length,
            )
        },
      ),
      { numRuns: 40 },
    )
  })
})
