import { describe, expect, it } from 'vitest'
import { PipelineError } from '../../src/core/errors.ts'
import { plannedListener, plannedSink, plannedSource, RunBench, until } from './run-fixture.ts'

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

describe('listeners', () => {
  it('that hang or throw neither slow nor change the run', async () => {
    const results = async (notify: () => Promise<void> | void) => {
      const bench = new RunBench()
      const sink = plannedSink('kept', () => [])
      const told = plannedListener('told', notify)
      const source = plannedSource(
        'numbers',
        { values: numbers(2_000), sliceSize: 100 },
        bench.clock,
      )
      const text = copy.replace(
        'on: [stage_blocked, stage_unblocked, record_dead_lettered]',
        'on: [record_processed, batch_processed]',
      )
      const run = await bench.start([
        bench.topology(text, {
          sources: [source],
          sinks: [sink.definition],
          listeners: [told.definition],
        }),
      ])
      await until(() => sink.values().length === 2_000)
      const atMs = bench.clock.wallMs()
      await bench.clock.advance(60_000)
      await run.done
      return {
        values: byN(sink.values()),
        atMs,
        outcome: (await run.report()).pipelines[0]!.outcome,
      }
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
    const run = await bench.start([
      bench.topology(text, {
        sources: [source],
        sinks: [sink.definition],
        listeners: [told.definition],
        partitions: 1,
      }),
    ])
    await until(() => sink.attempts() > 0)
    await bench.clock.advance(1_000)
    expect(told.events.map(({ event }) => event)).toEqual(['stage_blocked'])
    isAway = false
    await bench.clock.advance(60_000)
    await run.done
    expect(told.events.map(({ event }) => event)).toEqual([
      'stage_blocked',
      'stage_unblocked',
      'record_processed',
      'record_processed',
      'record_processed',
    ])
  })
})

describe('a condition of a hook', () => {
  const told = async (when: string) => {
    const bench = new RunBench()
    const sink = plannedSink('kept', () => [])
    const listener = plannedListener('told')
    const values = [{ n: 1 }, { n: 2 }, { n: 'x' }]
    const source = plannedSource('numbers', { values, sliceSize: 3 }, bench.clock)
    const text = copy
      .replace('    sink:', '    steps:\n      - cast: { n: number }\n    sink:')
      .replace(
        /on: .*/,
        `on: [record_processed, record_failed]\n        when: ${JSON.stringify(when)}`,
      )
    const topology = bench.topology(text, {
      sources: [source],
      sinks: [sink.definition],
      listeners: [listener.definition],
      partitions: 1,
    })
    const run = await bench.start([topology])
    await run.done
    return {
      events: listener.events.map(({ event, value }) => [event, (value as { n: unknown }).n]),
      notices: bench.notices,
    }
  }

  it('sees the facts of the event beside its name, and the value of the record', async () => {
    expect((await told("event.code == 'RECORD_CAST'")).events).toEqual([['record_failed', 'x']])
    expect(
      (await told("event.event == 'record_processed' && event.stage == 'show'")).events,
    ).toEqual([
      ['record_processed', 1],
      ['record_processed', 2],
    ])
    expect((await told('value.n == 2')).events).toEqual([['record_processed', 2]])
    expect((await told("event.pipeline == 'p' && event.offset == 0")).events).toEqual([
      ['record_processed', 1],
    ])
  })

  it('that cannot be evaluated keeps the event from its listener, and is told of', async () => {
    const { events, notices } = await told('value.missing * 2 > 0')
    expect(events).toEqual([])
    expect(notices.join('\n')).toMatch(/`when` cannot be evaluated/)
  })
})
