import { cpSync, existsSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import type { RunReport } from '../../src/runtime/run-report.ts'
import { type OtlpReceiver, startOtlpReceiver } from '../telemetry/otlp-receiver.ts'
import type { ReceivedSpan } from '../telemetry/otlp-spans.ts'
import { byTrace, named } from '../telemetry/span-scene.ts'
import { CliProcess, millrace, Workspace } from './cli-process.ts'

const maxSpansPerSecond = 1_000
/** Of a process under load: its start, its end, and what others take of the machine. */
const graceMs = 5_000

const source = (count: number) => `
  - name: ingest
    source:
      generate:
        count: ${count}
        seed: 42
        template: { id: { $sequence: "o-%d" }, user: { $format: ["u-%d", { $integer: [0, 99] }] } }
    key: value.user
    to: raw`
const rest = `
  - name: clean
    from: raw
    steps: [ { set: { half: value.id } } ]
    to: clean
  - { name: save, from: clean, sink: { file: { path: ./out.ndjson } } }
`
const pipeline = (count: number, rate = '5/s') =>
  `pipeline: shop\ntracing: { rate: ${rate} }\nstages:${source(count)}${rest}`

const opened: OtlpReceiver[] = []
const workspaces: Workspace[] = []

afterEach(async () => {
  await Promise.all(opened.splice(0).map((receiver) => receiver.close()))
  for (const workspace of workspaces.splice(0)) workspace.remove()
})

async function collector(protocol: 'http/protobuf' | 'grpc' = 'http/protobuf') {
  const receiver = await startOtlpReceiver(protocol)
  opened.push(receiver)
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
    OTEL_METRICS_EXPORTER: 'none',
  }
  return { receiver, env }
}

function workspaceOf(files: Readonly<Record<string, string>>): Workspace {
  const workspace = new Workspace(files)
  workspaces.push(workspace)
  return workspace
}

async function run(
  text: string,
  env: Readonly<Record<string, string>>,
  more: readonly string[] = [],
) {
  const workspace = workspaceOf({ 'shop.yaml': text })
  const startMs = performance.now()
  const result = await millrace(['run', 'shop.yaml', '--json', '--quiet', ...more], {
    cwd: workspace.folder,
    env,
  })
  expect(result.code, result.stderr).toBe(0)
  const report = JSON.parse(result.stdout) as RunReport
  const stages = report.pipelines[0]!.stages.map(({ stage, n }) => [stage, n])
  const lines = workspace.lines('out.ndjson').length
  const tookMs = performance.now() - startMs
  return { ...result, stages, lines, tookMs }
}

const warnings = (stderr: string) =>
  stderr.split('\n').filter((line) => line.includes('spans cannot be sent'))

describe('spans of a run', () => {
  it.each(['http/protobuf', 'grpc'] as const)('go to a collector over %s', async (protocol) => {
    const { receiver, env } = await collector(protocol)
    const { stderr } = await run(pipeline(2_000), {
      ...env,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-token=secret-of-the-test',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
    })
    expect(warnings(stderr)).toEqual([])
    const traces = byTrace(receiver.spans)
    expect(traces.length).toBeGreaterThanOrEqual(5)
    for (const trace of traces)
      expect(trace.map(({ name }) => name).toSorted()).toEqual([
        'process clean',
        'process generate',
        'process raw',
        'send clean',
        'send file',
        'send raw',
        'wait clean',
        'wait generate',
        'wait raw',
      ])
    expect(receiver.requests[0]!.headers['x-token']).toBe('secret-of-the-test')
  })

  it('are not made where no collector is named, nor where telemetry is switched off', async () => {
    const { receiver, env } = await collector()
    await run(pipeline(500), {})
    await run(pipeline(500), { ...env, OTEL_SDK_DISABLED: 'true' })
    await run(pipeline(500), { ...env, OTEL_TRACES_EXPORTER: 'none' })
    expect(receiver.requests).toEqual([])
  })

  it('never exceed the limit of a process, of records worked on in threads too', async () => {
    const count = 150_000
    const { receiver, env } = await collector()
    const { tookMs, stages, lines } = await run(pipeline(count, 'all'), env, ['--threads', '1'])
    expect(stages.map(([, n]) => n)).toEqual([count, count, count])
    expect(lines).toBe(count)
    const { spans } = receiver
    expect(spans.length).toBeGreaterThan(maxSpansPerSecond / 4)
    expect(spans.length).toBeLessThanOrEqual(maxSpansPerSecond * (1 + tookMs / 1_000))
    // What has begun is not torn: every span but a root has its parent.
    const ids = new Set(spans.map(({ spanId }) => spanId))
    const torn = spans.filter(({ parentId }) => parentId !== '' && !ids.has(parentId))
    expect(torn).toEqual([])
  })
})

describe('log lines of listeners', () => {
  const hooks = `
    hooks:
      - { on: [record_processed, record_dead_lettered], do: { log: { message: told } } }
      - { on: [record_processed], do: { module: { file: ./refuse.ts } } }`
  const text = `pipeline: shop
tracing: { rate: all }
stages:${source(20)}${hooks}
  - name: clean
    from: raw
    steps: [ { require: value.id != 'o-7' } ]
    to: clean${hooks}
`
  const refuse = 'export function notify() { throw new Error("not now") }\n'

  it('name spans that the collector has, below which the calls are', async () => {
    const { receiver, env } = await collector()
    const { folder } = workspaceOf({ 'shop.yaml': text, 'refuse.ts': refuse })
    const args = ['run', 'shop.yaml', '--log-format', 'json', '--log-level', 'info']
    const { code, stderr } = await millrace(args, { cwd: folder, env })
    expect(code, stderr).toBe(0)
    const lines = stderr
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Readonly<Record<string, string>>)
    const heard = lines.filter(({ body }) => body === 'told')
    expect(heard).toHaveLength(40)
    const failed = lines.filter(({ body }) => body!.includes('not now'))
    expect(failed.length).toBeGreaterThan(0)
    const { spans } = receiver
    for (const line of [...heard, ...failed]) {
      const { trace_id: traceId, span_id: spanId } = line
      const told = spans.find((span) => span.spanId === spanId && span.traceId === traceId)
      expect(told?.name, JSON.stringify(line)).toMatch(/^process /)
      const below = spans.filter(({ parentId }) => parentId === spanId).map(({ name }) => name)
      expect(below.some((name) => name.startsWith('hook record_'))).toBe(true)
    }
    expect(spans.filter(({ name }) => name.startsWith('hook '))).toHaveLength(79)
  })
})

describe('a collector', () => {
  const count = 100_000

  it('that is down costs no record, and is told of once', async () => {
    const { receiver, env } = await collector()
    await receiver.close()
    const { stages, lines, stderr } = await run(pipeline(count), env)
    expect(stages.map(([, n]) => n)).toEqual([count, count, count])
    expect(lines).toBe(count)
    expect(warnings(stderr).length).toBeLessThanOrEqual(1)
  })

  it('that hangs costs no record, and the process ends in its time', async () => {
    const { receiver, env } = await collector()
    const before = await run(pipeline(count), {})
    receiver.mood = 'hang'
    const { lines, tookMs } = await run(pipeline(count), env)
    expect(lines).toBe(count)
    expect(tookMs - before.tookMs).toBeLessThan(2_000 + graceMs)
  })

  it('that refuses spans is told of once, however often it does so', async () => {
    const { receiver, env } = await collector()
    receiver.mood = 'refuse'
    const { lines, stderr } = await run(pipeline(count), {
      ...env,
      OTEL_BSP_SCHEDULE_DELAY: '20',
    })
    expect(lines).toBe(count)
    expect(warnings(stderr)).toHaveLength(1)
    expect(warnings(stderr)[0]).toContain('the run goes on without them, and they are counted')
  })

  it('that is killed in the middle of a run costs no record', async () => {
    const { receiver, env } = await collector()
    const workspace = workspaceOf({ 'shop.yaml': pipeline(count) })
    const process = new CliProcess(['run', 'shop.yaml', '--quiet'], {
      cwd: workspace.folder,
      env: { ...env, OTEL_BSP_SCHEDULE_DELAY: '20' },
    })
    await process.untilFile(workspace.path('out.ndjson'))
    await receiver.close()
    const { code, stderr } = await process.ended
    expect(code, stderr).toBe(0)
    expect(workspace.lines('out.ndjson')).toHaveLength(count)
    expect(warnings(stderr).length).toBeLessThanOrEqual(1)
  })
})

describe('a process that is killed', () => {
  const feed = `pipeline: feed\ntracing: { rate: all }\nstages:${source(60_000)}\n`
  const work = `pipeline: work\ntracing: { rate: off }\ntopics: { raw: {} }\nstages:${rest}`

  // The topic ends for the one because the other, which writes it, is there and has nothing to do.
  const both = ['run', 'feed.yaml', 'work.yaml', '--quiet']

  /** By what they are about, the ids of spans. */
  function idsOf(spans: readonly ReceivedSpan[]): Map<string, string> {
    return new Map(
      ['wait raw', 'process raw', 'wait clean', 'process clean'].flatMap((name) =>
        named(spans, name).map(({ attributes, traceId, spanId }) => {
          const partition = attributes['messaging.destination.partition.id']
          const offset = attributes['millrace.record.offset']
          const place = `${name} ${String(partition)}/${String(offset)}`
          return [place, `${traceId} ${spanId}`] as const
        }),
      ),
    )
  }

  it('makes the same spans when it does its work again', async () => {
    const [fed, one, other] = [await collector(), await collector(), await collector()]
    const workspace = workspaceOf({ 'feed.yaml': feed, 'work.yaml': work })
    const { folder } = workspace
    await millrace(['run', 'feed.yaml', '--quiet'], { cwd: folder, env: fed.env })
    const copy = workspaceOf({})
    cpSync(folder, copy.folder, { recursive: true })
    const killed = new CliProcess(both, {
      cwd: folder,
      env: { ...one.env, OTEL_BSP_SCHEDULE_DELAY: '10' },
    })
    await killed.untilFile(workspace.path('out.ndjson'))
    killed.child.kill('SIGKILL')
    expect((await killed.ended).signal).toBe('SIGKILL')
    expect(existsSync(workspace.path('.millrace'))).toBe(true)
    for (const { env, cwd } of [
      { env: one.env, cwd: folder },
      { env: other.env, cwd: copy.folder },
    ]) {
      const { code, stderr } = await millrace(both, { cwd, env })
      expect(code, stderr).toBe(0)
    }
    const [again, once] = [idsOf(one.receiver.spans), idsOf(other.receiver.spans)]
    expect(named(fed.receiver.spans, 'send raw').length).toBeGreaterThan(5)
    expect(again.size).toBeGreaterThan(10)
    // Where the limit of a process left a record out, it did so in one of them.
    const common = [...again].filter(([place]) => place.includes(' raw ') && once.has(place))
    expect(common.length).toBeGreaterThan(10)
    for (const [place, ids] of common) expect([place, once.get(place)]).toEqual([place, ids])
  })
})
