import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../../src/core/json.ts'
import { emptyBytes, encodeHeaders, nullHeaderValue } from '../../src/core/record-batch.ts'
import { plannedSource, RunBench } from '../runtime/run-fixture.ts'
import type { SeenRecord } from '../simulation/pipeline-fixture.ts'
import { byTrace, named, openTracing, treeOf } from './span-scene.ts'

interface Scene {
  readonly values: readonly JsonValue[]
  readonly headers?: Uint8Array
  /** Bytes that a record of a topic may have. */
  readonly limits?: Readonly<Record<string, number>>
}

/** Runs a pipeline with tracing on a log that takes records up to a size. */
async function ran(text: string, { values, headers = emptyBytes, limits = {} }: Scene) {
  const bench = new RunBench()
  const { log, clock } = bench
  const open = log.openTask.bind(log)
  log.openTask = async (spec) => {
    const task = await open(spec)
    task.recordLimits = async () => new Map(Object.entries(limits))
    return task
  }
  const tracing = await openTracing()
  const source = plannedSource('lines', { values, sliceSize: 10, headers }, clock)
  const topology = bench.topology(text, { sources: [source] })
  const run = await bench.start([topology], { telemetry: tracing.telemetry })
  await run.done
  expect(run.runs[0]!.error).toBe(null)
  return { bench, spans: await tracing.spans() }
}

async function encodedIn(bench: RunBench, topic: string): Promise<Buffer> {
  const place = { topic, partition: 0, offset: 0n }
  const [read] = await bench.log.reader.read(place, Number.MAX_SAFE_INTEGER)
  return Buffer.from(read!.batch.headerBytes(0))
}

const head = (rate: string) => `pipeline: p
tracing: { rate: ${rate} }
topics:
  raw: { partitions: 1 }
  out: { partitions: 1 }
stages:
  - { name: s, source: { lines: 1 }, to: raw }
`
const copying = `${head('all')}  - name: c
    from: raw
    steps:
      - require: value.bad == null
    to: out
`
const nameOf = ([name]: readonly [string, unknown]) => name
const text = ({ headers }: SeenRecord, name: string) =>
  String(headers.find((header) => nameOf(header) === name)?.[1])
const traceparent = /^00-[0-9a-f]{32}-[0-9a-f]{16}-03$/

describe('the headers of a traced record', () => {
  const odd = Buffer.from(
    encodeHeaders([
      ['??', Buffer.from([0, 255])],
      ['b', nullHeaderValue],
    ]),
  )
  odd.set([0xc3, 0x28], odd.indexOf('??'))

  it.each([
    ['out', { n: 1 }],
    ['p.c.dlq', { bad: true }],
  ])('go on to %s byte for byte, with the context behind them', async (topic, value) => {
    const { bench } = await ran(copying, { values: [value], headers: odd })
    const [record] = await bench.records(topic)
    expect(text(record!, 'traceparent')).toMatch(traceparent)
    const encoded = await encodedIn(bench, topic)
    expect(encoded.subarray(2, odd.length)).toEqual(odd.subarray(2))
    expect(record!.headers.filter((header) => nameOf(header) === 'traceparent')).toHaveLength(1)
  })

  it('keep where it came into the pipeline for the steps that ask, behind the context', async () => {
    const stage = `pipeline: p
tracing: { rate: all }
topics:
  out: { partitions: 1 }
stages:
  - name: s
    source: { lines: 1 }
    steps:
      - require: source.line != 2
      - dedupe: { by: value, within: 1m }
      - map: "{ line: source.line }"
    to: out
`
    const { bench, spans } = await ran(stage, { values: ['a', 'b'] })
    const [result] = await bench.records('out')
    const [letter] = await bench.records('p.s.dlq')
    expect(result!.value).toEqual({ line: 1 })
    expect(result!.headers.map(nameOf)).toEqual(['traceparent'])
    expect(letter!.headers.map(nameOf)).not.toContain('millrace-source')
    expect(byTrace(spans)).toHaveLength(2)
    expect(text(result!, 'traceparent')).toContain(named(spans, 'send out')[0]!.spanId)
  })
})

describe('a log that takes records up to a size', () => {
  const value = { text: 'x'.repeat(50) }
  const valueBytes = JSON.stringify(value).length

  it('gets a traced result that just fits without the context of its trace', async () => {
    const { bench, spans } = await ran(copying, { values: [value], limits: { out: valueBytes } })
    const [result] = await bench.records('out')
    expect(result).toMatchObject({ value, headers: [] })
    expect(await bench.records('p.c.dlq')).toEqual([])
    expect(treeOf(spans)).toContain('    p.c send out')
  })

  it('gets it with the context where there is room for both', async () => {
    const roomBytes = encodeHeaders([['traceparent', 'x'.repeat(55)]]).length
    const limits = { out: valueBytes + roomBytes }
    const { bench } = await ran(copying, { values: [value], limits })
    const [result] = await bench.records('out')
    expect(text(result!, 'traceparent')).toMatch(traceparent)
  })

  it('gets a dead letter with its trace even where there is no room for its value and headers', async () => {
    const { bench, spans } = await ran(copying, {
      values: [{ bad: true, more: 'x'.repeat(2_000) }],
      headers: encodeHeaders([['own', 'y'.repeat(1_000)]]),
      limits: { 'p.c.dlq': 600 },
    })
    const [letter] = await bench.records('p.c.dlq')
    expect(letter!.value).toBe(null)
    expect(letter!.headers.map(nameOf)).not.toContain('own')
    expect(text(letter!, 'millrace-dlq-omitted')).toMatch(/^value \(.*headers \(/)
    expect(text(letter!, 'traceparent')).toContain(named(spans, 'send p.c.dlq')[0]!.spanId)
  })

  it('makes no span of a dead letter that had no room: its record is skipped', async () => {
    const { bench, spans } = await ran(copying, {
      values: [{ bad: true }],
      limits: { 'p.c.dlq': 20 },
    })
    expect(await bench.records('p.c.dlq')).toEqual([])
    expect(named(spans, 'send p.c.dlq')).toEqual([])
    expect(named(spans, 'process raw')[0]).toMatchObject({
      isError: true,
      attributes: { 'millrace.outcome': 'skipped' },
    })
  })

  it('gets the result of a window without the context of its own trace where that has no room', async () => {
    const windows = `${head('all')}  - name: c
    from: raw
    steps:
      - aggregate: { by: value.k, fields: { n: count() } }
    to: out
`
    const made = JSON.stringify({ k: 'a', n: 1 }).length + 'a'.length
    const { bench, spans } = await ran(windows, { values: [{ k: 'a' }], limits: { out: made } })
    expect(await bench.records('out')).toMatchObject([{ value: { k: 'a', n: 1 }, headers: [] }])
    expect(named(spans, 'emit c')).toHaveLength(1)
  })
})
