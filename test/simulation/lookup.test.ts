import { describe, expect, it } from 'vitest'
import { tableOpener } from '../../src/endpoints/tables/open-tables.ts'
import { noOperators } from '../../src/simulation/driver-options.ts'
import { runPipelineTest } from '../../src/simulation/run-pipeline-test.ts'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'
import { loadPipeline } from '../../src/spec/load-pipeline.ts'
import { operators } from '../../src/operators/registry.generated.ts'
import { compileTopology } from '../../src/topology/compile.ts'

const overHttp = 'http: "https://users.example/${key}", ttl: 1m'

const pipeline = (users: string) => `
pipeline: orders
tables:
  users: { ${users} }
stages:
  - name: enrich
    from: raw
    steps:
      - lookup: { table: users, on: value.user, into: about, missing: dlq }
    to: enriched
topics: { raw: { partitions: 1 }, users: { partitions: 1 } }
tests:
  - name: a test
    steps:
`

function run(...lines: readonly string[]): Promise<string[]> {
  return runWith(overHttp, lines)
}

async function runWith(users: string, lines: readonly string[]): Promise<string[]> {
  const text = pipeline(users) + lines.map((line) => `      ${line}\n`).join('')
  const definitions = { operators, sources: [], sinks: [], listeners: [] }
  const given = { file: 'x.yaml', definitions, environment: {}, readSecret: () => undefined }
  const { spec } = loadPipeline(text, given)
  const { topology } = compileTopology(spec, { folder: '/', readText: () => '', partitions: 1 })
  const clock = new VirtualClock()
  const random = new SeededRandom(1)
  const environment = { ...noOperators, clock, random, openTable: tableOpener() }
  const { problems } = await runPipelineTest(spec.tests[0]!, topology, environment)
  return problems.map(({ message }) => message)
}

describe('a lookup over HTTP in a test of a pipeline', () => {
  it('is answered by the stub of its table, again where the peer was away, and once per key', async () => {
    const problems = await run(
      '- stub: { users: [429, timeout, { status: 200, body: { name: Ann } }, 404] }',
      '- send: { raw: [{ id: 1, user: u1 }, { id: 2, user: u1 }] }',
      '- advance: 30s',
      '- send: { raw: [{ id: 3, user: u2 }] }',
      '- advance: 1s',
      '- expect:',
      '    enriched: [{ id: 1, about: { name: Ann } }, { id: 2, about: { name: Ann } }]',
      '    dlq: [{ code: RECORD_LOOKUP, value: { id: 3 } }]',
    )
    expect(problems).toEqual([])
  })

  it('fails the test where it has no stub', async () => {
    const problems = await run('- send: { raw: [{ id: 1, user: u1 }] }', '- advance: 30s')
    expect(problems.join('\n')).toContain('GET https://users.example/u1 of "users" has no stub')
  })
})

describe('a lookup in a topic in a test of a pipeline', () => {
  it('finds what was sent before', async () => {
    const problems = await runWith('topic: users', [
      '- send: { users: [{ $record: { key: u1, value: { name: Ann } } }] }',
      '- send: { raw: [{ id: 1, user: u1 }, { id: 2, user: u2 }] }',
      '- expect:',
      '    enriched: [{ id: 1, about: { name: Ann } }]',
      '    dlq: [{ code: RECORD_LOOKUP, value: { id: 2 } }]',
    ])
    expect(problems).toEqual([])
  })
})
