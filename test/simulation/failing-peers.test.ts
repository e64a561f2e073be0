import { describe, expect, it } from 'vitest'
import type { HttpRequest } from '../../src/core/http-client.ts'
import { runPipelineTest } from '../../src/simulation/run-pipeline-test.ts'
import { StubbedHttp } from '../../src/simulation/stubbed-http.ts'
import { compileTopology } from '../../src/topology/compile.ts'
import { specOf } from './pipeline-fixture.ts'

const pipeline = `
pipeline: p
stages:
  - name: ingest
    source: { feed: 1 }
    to: raw
  - name: show
    from: raw
    sink: { drain: 1 }
    retry: { max: 2 }
tests:
  - name: a test
    steps:
`

async function run(...lines: readonly string[]): Promise<string[]> {
  const spec = specOf(pipeline + lines.map((line) => `      ${line}`).join('\n'))
  const [test] = spec.tests
  const { topology } = compileTopology(spec, { folder: '/', readText: () => '', partitions: 1 })
  const { problems } = await runPipelineTest(test!, topology)
  return problems.map(({ message }) => message)
}

describe('a peer that fails in a test', () => {
  it('that is away blocks the stage, loses nothing, and dead-letters nothing', async () => {
    const problems = await run(
      '- fail: { show: [503, timeout, 429, refused, ok] }',
      '- send: { ingest: [{ n: 1 }, { n: 2 }] }',
      '- expect:',
      '    show: [{ n: 1 }, { n: 2 }]',
      '    dlq: []',
      '    stage_blocked: { $count: 1 }',
      '    stage_unblocked: { $count: 1 }',
    )
    expect(problems).toEqual([])
  })

  it('that refuses a record more often than it is tried makes it a dead letter', async () => {
    const problems = await run(
      '- fail: { show: [400, 422] }',
      '- send: { ingest: [{ n: 1 }] }',
      '- expect:',
      '    show: []',
      '    dlq: [{ stage: show, code: RECORD_REJECTED, attempts: "2" }]',
      '- send: { ingest: [{ n: 2 }] }',
      '- expect:',
      '    show: [{ n: 2 }]',
    )
    expect(problems).toEqual([])
  })

  it('that refuses it once takes it at the second attempt', async () => {
    const problems = await run(
      '- fail: { show: [409] }',
      '- send: { ingest: [{ n: 1 }] }',
      '- expect:',
      '    show: [{ n: 1 }]',
      '    record_retried: { $count: 1 }',
    )
    expect(problems).toEqual([])
  })

  it('is still away after a restart, and comes back', async () => {
    const problems = await run(
      '- send: { ingest: [{ n: 1 }] }',
      '- restart',
      '- fail: { show: [503, 503] }',
      '- send: { ingest: [{ n: 2 }] }',
      '- restart: {}',
      '- expect:',
      '    show: [{ n: 1 }, { n: 2 }]',
    )
    expect(problems).toEqual([])
  })

  it('belongs to a stage with a sink, and answers what peers can answer', () => {
    const check = (line: string) => () => specOf(`${pipeline}      ${line}\n`)
    expect(check('- fail: { shw: [503] }')).toThrow(/"shw" is no stage with a sink.*show/s)
    expect(check('- fail: { ingest: [503] }')).toThrow(/"ingest" is no stage with a sink/)
    expect(check('- fail: { show: [sometimes] }')).toThrow(/fail/)
    expect(check('- stub: { users: [{ status: 200, boddy: 1 }] }')).toThrow(/boddy/)
  })
})

const request = (url: string, more: Partial<HttpRequest> = {}): HttpRequest => ({
  method: 'GET',
  url,
  headers: {},
  body: null,
  deadlineMs: 1_000,
  maxAnswerBytes: 1_000,
  maxRedirects: 0,
  addresses: 'any',
  signal: new AbortController().signal,
  ...more,
})

describe('a stubbed call over HTTP', () => {
  it('gets the answers one after the other, and then the last one again', async () => {
    const http = new StubbedHttp()
    http.stub('users', [429, { status: 200, body: { name: 'Ann' }, headers: { ETag: 'x' } }])
    expect((await http.send(request('https://a/1', { by: 'users' }))).status).toBe(429)
    for (let again = 0; again < 2; again++) {
      const { status, body, headers } = await http.send(request('https://a/2', { by: 'users' }))
      expect([status, Buffer.from(body).toString(), headers.get('etag')]).toEqual([
        200,
        '{"name":"Ann"}',
        'x',
      ])
    }
    expect(http.takeUnexpected()).toEqual([])
  })

  it('goes by the beginning of its URL where it has no name, the longest first', async () => {
    const http = new StubbedHttp()
    http.stub('https://a/', [500])
    http.stub('https://a/users', [201])
    expect((await http.send(request('https://a/users/1'))).status).toBe(201)
    expect((await http.send(request('https://a/orders'))).status).toBe(500)
  })

  it('that nobody has planned is refused and noted', async () => {
    const http = new StubbedHttp()
    await expect(http.send(request('https://a/1', { by: 'users' }))).rejects.toMatchObject({
      code: 'PEER_REJECTED',
    })
    expect(http.takeUnexpected()).toEqual([expect.stringMatching(/^GET https:\/\/a\/1 of "users"/)])
    expect(http.takeUnexpected()).toEqual([])
  })

  it('may have no answer, and one that is too long is cut', async () => {
    const http = new StubbedHttp()
    http.stub('https://', ['timeout', 'refused', { status: 200, body: 'long text', headers: {} }])
    for (let attempt = 0; attempt < 2; attempt++)
      await expect(http.send(request('https://a'))).rejects.toMatchObject({
        code: 'PEER_UNAVAILABLE',
      })
    const { body, isCut } = await http.send(request('https://a', { maxAnswerBytes: 4 }))
    expect([Buffer.from(body).toString(), isCut]).toEqual(['long', true])
  })
})
