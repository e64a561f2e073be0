import { describe, expect, it } from 'vitest'
import { runPipelineTest } from '../../src/simulation/run-pipeline-test.ts'
import { compileTopology } from '../../src/topology/compile.ts'
import { specOf } from './pipeline-fixture.ts'

const pipeline = `
pipeline: orders
stages:
  - name: ingest
    source: { feed: 1 }
    key: value.id
    to: raw
  - name: clean
    from: raw
    event_time: value.ts
    steps:
      - cast:
          amount: number
      - filter: value.amount > 0
    to: clean
  - name: totals
    from: clean
    steps:
      - aggregate:
          window: { tumbling: 10s }
          by: value.c
          fields: { n: count() }
    to: totals
  - name: show
    from: totals
    sink: { drain: 1 }
tests:
  - name: a test
`

/** Runs the test with these lines and gives what was wrong, a line each. */
async function run(...lines: readonly string[]): Promise<string[]> {
  const spec = specOf(pipeline + lines.map((line) => `    ${line}`).join('\n'))
  const [test] = spec.tests
  const { topology } = compileTopology(spec, {
    folder: '/',
    readText: () => '',
    partitions: test!.partitions,
  })
  const { passed, problems } = await runPipelineTest(test!, topology)
  expect(passed).toBe(problems.length === 0)
  return problems.map(({ message }) => message)
}

const order = (id: string, second: number, more = '') =>
  `{ id: ${id}, c: nl, amount: "1", ts: "2026-01-01T00:00:${String(second).padStart(2, '0')}Z"${more} }`
const send = (...records: readonly string[]) => [
  '  - send:',
  '      ingest:',
  ...records.map((record) => `        - ${record}`),
]
const expectOf = (...lines: readonly string[]) => [
  '  - expect:',
  ...lines.map((line) => `      ${line}`),
]

describe('a test of a pipeline', () => {
  it('passes when what was expected came', async () => {
    const problems = await run(
      'steps:',
      ...send(
        order('a', 1),
        order('b', 2),
        '{ id: c, amount: "n/a", ts: "2026-01-01T00:00:03Z" }',
        '{ id: d, amount: 0, ts: "2026-01-01T00:00:03Z" }',
        "$raw: '{broken'",
      ),
      ...expectOf(
        'clean: [{ id: a, amount: 1 }, { id: b }]',
        'dlq: [{ stage: clean, code: RECORD_CAST, value: { id: c } }, { stage: clean, code: RECORD_DECODE, value: "{broken" }]',
        'filtered: { clean: 1 }',
        'totals: [{ c: nl, n: 2, window_start: "2026-01-01T00:00:00.000Z" }]',
        'show: [{ n: 2 }]',
        'late: []',
        'record_failed: [{ stage: clean, code: RECORD_CAST }, { code: RECORD_DECODE }]',
      ),
    )
    expect(problems).toEqual([])
  })

  it('says what was expected and what came instead, for all that is wrong', async () => {
    const problems = await run(
      'steps:',
      ...send(order('a', 1)),
      ...expectOf('clean: [{ id: b }]', 'totals: []', 'dlq: []', 'filtered: 3'),
    )
    expect(problems).toEqual([
      'clean: [0].id: b expected, "a" found',
      expect.stringMatching(/^totals: 0 items expected, 1 found: \[\{.*"n":1/),
      'filtered: 3 expected, 0 found',
    ])
  })

  it('expects what has come since it last expected the same', async () => {
    const problems = await run(
      'steps:',
      ...send(order('a', 1)),
      ...expectOf('clean: [{ id: a }]'),
      ...expectOf('clean: []'),
      ...send(order('b', 2)),
      ...expectOf('clean: [{ id: b }]', 'raw: [{ id: a }, { id: b }]'),
    )
    expect(problems).toEqual([])
  })

  it('does so in each partition, and for each of several dead-letter topics', async () => {
    const bad = (id: string) => `{ id: ${id}, amount: "n/a" }`
    const problems = await run(
      'partitions: 4',
      'steps:',
      ...send(...['a', 'b', 'c', 'd', 'e'].map((id, index) => order(id, index))),
      ...expectOf('clean: { $count: 5 }'),
      ...send(order('f', 5), order('g', 6), order('h', 7)),
      ...expectOf('clean: [{ id: f }, { id: g }, { id: h }]'),
      '  - send:',
      '      clean:',
      "        - $raw: '{'",
      ...expectOf('dlq: [{ stage: totals }]'),
      ...send(bad('x')),
      ...expectOf('dlq: [{ stage: clean }]'),
    )
    expect(problems).toEqual([])
  })

  it('does not care in which order records of different keys come', async () => {
    const all = ['a', 'b', 'c', 'd', 'e', 'f']
    const problems = await run(
      'partitions: 4',
      'steps:',
      ...send(...all.map((id) => order(id, 1))),
      ...expectOf(`raw: [${all.map((id) => `{ id: ${id} }`).join(', ')}]`),
    )
    expect(problems).toEqual([])
  })

  it('ends the sources before the last expect, which closes all windows', async () => {
    const problems = await run(
      'steps:',
      ...send(order('a', 1)),
      ...expectOf('totals: []'),
      ...expectOf('totals: [{ n: 1 }]'),
    )
    expect(problems).toEqual([])
  })

  it('leaves them open with `end: open`', async () => {
    const problems = await run(
      'end: open',
      'steps:',
      ...send(order('a', 1)),
      ...expectOf('totals: []', 'clean: { $count: 1 }'),
    )
    expect(problems).toEqual([])
  })

  it('lets time pass and restarts the pipeline where it says so', async () => {
    const problems = await run(
      'end: open',
      'steps:',
      ...send(order('a', 1)),
      '  - restart: {}',
      '  - advance: 6m',
      ...send(order('b', 2), order('c', 20)),
      ...expectOf('totals: [{ n: 2 }]'),
    )
    expect(problems).toEqual([])
  })

  it('judges times in the future only where it says what time it is', async () => {
    const future = '{ id: a, c: nl, amount: 1, ts: "2030-01-01T00:00:00Z" }'
    expect(
      await run('steps:', ...send(future), ...expectOf('dlq: []', 'clean: { $count: 1 }')),
    ).toEqual([])
    expect(
      await run(
        'clock: 2026-01-01T00:00:00Z',
        'steps:',
        ...send(future),
        ...expectOf('dlq: [{ code: RECORD_EVENT_TIME }]'),
      ),
    ).toEqual([])
    expect(
      await run('clock: 2030-01-01T00:00:00Z', 'steps:', ...send(future), ...expectOf('dlq: []')),
    ).toEqual([])
  })

  it('sends records with key, headers and time to a topic, and can expect them', async () => {
    const problems = await run(
      'steps:',
      '  - send:',
      '      raw:',
      '        - $record: { key: k, value: { id: a, c: nl, amount: 1 }, headers: { trace: x }, timestamp: "2026-01-01T00:00:05Z" }',
      '        - $record: { key: k, value: null }',
      ...expectOf(
        'raw: [{ $record: { key: k, headers: { trace: x }, value: { id: a } } }, { $record: { key: k, value: null } }]',
      ),
    )
    expect(problems).toEqual([])
  })

  it('that sends to a topic as if its stage had written it, closes windows by it', async () => {
    const problems = await run(
      'end: open',
      'steps:',
      '  - send:',
      '      clean:',
      '        - $record: { value: { c: nl }, timestamp: "2026-01-01T00:00:05Z" }',
      '        - $record: { value: { c: nl }, timestamp: "2026-01-01T00:00:25Z" }',
      ...expectOf('totals: [{ n: 1 }]'),
    )
    expect(problems).toEqual([])
  })

  it('stops where the pipeline fails, with the reason', async () => {
    const spec = specOf(
      pipeline.replace('event_time: value.ts', 'on_error: stop').replace('  - name: a test\n', '') +
        [
          '  - name: fails',
          'steps:',
          ...send('{ amount: x }'),
          ...expectOf('clean: []'),
          ...expectOf('clean: []'),
        ]
          .map((line, index) => (index === 0 ? line : `    ${line}`))
          .join('\n'),
    )
    const { topology } = compileTopology(spec, { folder: '/', readText: () => '', partitions: 1 })
    const { passed, problems } = await runPipelineTest(spec.tests[0]!, topology)
    expect(passed).toBe(false)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatchObject({
      step: { kind: 'send' },
      message: expect.stringMatching(/"clean" stops at a failed record/),
    })
  })

  it('tells of a name that nothing has', async () => {
    const problems = await run('steps:', ...expectOf('orders.clean.nothing: []'))
    expect(problems).toEqual([
      expect.stringMatching(
        /"orders\.clean\.nothing" is no topic, sink stage or event of the pipeline; dlq, late and filtered/,
      ),
    ])
    expect(await run('steps:', '  - send:', '      orders.nothing: [1]')).toEqual([
      expect.stringMatching(/"orders\.nothing" is neither a stage with a source nor a topic/),
    ])
  })
})
