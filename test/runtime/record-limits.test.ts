import { describe, expect, it } from 'vitest'
import { plannedSource, RunBench } from './run-fixture.ts'

/** A run on a log that takes records of so many bytes, by topic. */
async function ran(
  text: string,
  values: readonly object[],
  limits: Readonly<Record<string, number>>,
) {
  const bench = new RunBench()
  const { log, clock } = bench
  const open = log.openTask.bind(log)
  log.openTask = async (spec) => {
    const task = await open(spec)
    task.recordLimits = async (topics) =>
      new Map(
        topics.flatMap((topic) => (limits[topic] === undefined ? [] : [[topic, limits[topic]]])),
      )
    return task
  }
  const plan = { values: values.map((value) => ({ ...value })), sliceSize: 10 }
  const source = plannedSource('lines', plan, clock)
  const run = await bench.start([bench.topology(text, { sources: [source] })])
  await run.done
  expect(run.runs[0]!.error).toBe(null)
  const stages = (await run.report()).pipelines[0]!.stages
  return { bench, of: (name: string) => stages.find(({ stage }) => stage === name)! }
}

const head = `pipeline: p
topics:
  raw: { partitions: 1 }
  out: { partitions: 1 }
stages:
  - { name: s, source: { lines: 1 }, to: raw }
`
const long = 'x'.repeat(500)
const code = (headers: readonly (readonly [string, unknown])[]) =>
  String(headers.find(([name]) => name === 'millrace-dlq-code')?.[1])

describe('a log that takes records up to a size', () => {
  it('gets no larger ones: they fail where they are made, and leave no state', async () => {
    const text = `${head}  - name: c
    from: raw
    steps:
      - dedupe: { by: value.id, within: 1m }
      - set: { text: "value.text + value.text" }
    to: out
`
    const values = [
      { id: 1, text: long },
      { id: 1, text: 'short' },
    ]
    const { bench, of } = await ran(text, values, { out: 600 })
    // The second one is no duplicate of a record that has failed.
    expect((await bench.records('out')).map(({ value }) => value)).toEqual([
      { id: 1, text: 'shortshort' },
    ])
    const [letter] = await bench.records('p.c.dlq')
    expect(letter!.value).toEqual(values[0])
    expect(code(letter!.headers)).toBe('RECORD_TOO_LARGE')
    expect(of('c').dispositions).toMatchObject({ emitted: 1, dead_lettered: 1, deduplicated: 0 })
  })

  it('gets a result of a window that is too large as a dead letter, as far as it has room', async () => {
    const text = `${head}  - name: c
    from: raw
    steps:
      - aggregate: { by: value.text, fields: { n: count() } }
    to: out
`
    const { bench } = await ran(text, [{ text: long }, { text: 'a' }], { out: 200, 'p.c.dlq': 400 })
    expect((await bench.records('out')).map(({ value }) => value)).toEqual([{ text: 'a', n: 1 }])
    const [letter] = await bench.records('p.c.dlq')
    expect(letter!.value).toBe(null)
    expect(code(letter!.headers)).toBe('RECORD_TOO_LARGE')
  })

  it('counts a record as skipped when there is no room even for why it failed', async () => {
    const text = `${head}  - name: c
    from: raw
    steps:
      - set: { more: "1" }
    to: out
`
    const { bench, of } = await ran(text, [{ text: long }], { out: 100, 'p.c.dlq': 50 })
    expect(await bench.records('p.c.dlq')).toEqual([])
    expect(of('c').dispositions).toMatchObject({ emitted: 0, dead_lettered: 0, skipped: 1 })
  })
})
