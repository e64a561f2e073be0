import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
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
      fc.asyncProperty(
        fc.array(fc.nat(40), { maxLength: 4 }),
        fc.constantFrom(1, 3),
        async (stops, partitions) => {
          const bench = new RunBench()
          const sink = plannedSink('kept', () => [])
          const source = plannedSource(
            'numbers',
            { values: numbers(60), sliceSize: 4 },
            bench.clock,
          )
          const topology = bench.topology(text, {
            sources: [source],
            sinks: [sink.definition],
            partitions,
          })
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
          const totals = new Map(
            (await bench.records('three')).map(({ key, value }) => [key, value]),
          )
          expect(totals.get('0')).toEqual({ c: 0, n: 20, sum: 570 })
          expect(totals.get('2')).toEqual({ c: 2, n: 20, sum: 610 })
        },
      ),
      { numRuns: 20 },
    )
  })

  it('before it began has done nothing', async () => {
    const bench = new RunBench()
    const source = plannedSource('numbers', { values: numbers(5), sliceSize: 1 }, bench.clock)
    const sink = plannedSink('kept', () => [])
    const told = plannedListener('told')
    const starting = bench.start([
      bench.topology(copy, {
        sources: [source],
        sinks: [sink.definition],
        listeners: [told.definition],
      }),
    ])
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
    const topology = bench.topology(copy, {
      sources: [source],
      sinks: [sink.definition],
      listeners: [told.definition],
    })
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
    const run = await bench.start(
      [
        bench.topology(copy, {
          sources: [source],
          sinks: [sink.definition],
          listeners: [told.definition],
        }),
      ],
      { follow: true },
    )
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
    const run = await bench.start([
      bench.topology(reader, {}),
      bench.topology(writer, { sources: [source] }),
    ])
    await run.done
    expect(
      (await run.report()).pipelines.map(({ pipeline, outcome }) => [pipeline, outcome]),
    ).toEqual([
      ['reader', 'completed'],
      ['writer', 'completed'],
    ])
    expect((await bench.records('totals')).at(-1)!.value).toEqual({ n: 30 })
  })

  it('refuse to start when one does not fit what is stored, before anything is read', async () => {
    const bench = new RunBench()
    const source = plannedSource('numbers', { values: numbers(30), sliceSize: 7 }, bench.clock)
    const first = await bench.start([
      bench.topology(reader, {}),
      bench.topology(writer, { sources: [source] }),
    ])
    await first.done
    const changed = reader.replace(
      'fields: { n: count() }',
      'fields: { n: count(), m: max(value.n) }',
    )
    const again = bench.start([
      bench.topology(writer, { sources: [source] }),
      bench.topology(changed, {}),
    ])
    await expect(again).rejects.toMatchObject({ code: 'CONFIG_INCOMPATIBLE' })
    await expect(again).rejects.toThrow(/"aggregate".*another `id:`.*--fresh/s)
  })

  it('leave no trace in the log when one of them is refused', async () => {
    const bench = new RunBench()
    const first = await bench.start([bench.topology(reader, {})])
    bench.stop()
    await first.done
    const changed = reader.replace('n: count()', 'n: max(value.n)')
    const added = 'pipeline: added\nstages:\n  - name: copy\n    from: shared\n    to: elsewhere\n'
    const again = bench.start([bench.topology(added, {}), bench.topology(changed, {})])
    await expect(again).rejects.toMatchObject({ code: 'CONFIG_INCOMPATIBLE' })
    expect(await bench.log.admin.manifests()).toEqual(['reader'])
    const names = (await bench.log.reader.topics()).map(({ name }) => name)
    expect(names).not.toContain('elsewhere')
  })
})
