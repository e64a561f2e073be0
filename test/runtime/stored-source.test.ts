import { describe, expect, it } from 'vitest'
import { encodeHeaders, type Header, withoutLastHeader } from '../../src/core/record-batch.ts'
import { batchOf } from '../logs/kafka/endpoint/partition-records.ts'
import { plannedSource, RunBench } from './run-fixture.ts'

const stage = `pipeline: p
topics:
  out: { partitions: 1 }
stages:
  - name: s
    source: { lines: 1 }
`

async function ran(steps: string, values = ['a', 'b', 'c']) {
  const bench = new RunBench()
  const source = plannedSource('lines', { values, sliceSize: 2 }, bench.clock)
  const topology = bench.topology(`${stage}${steps}`, { sources: [source] })
  const run = await bench.start([topology])
  await run.done
  expect(run.runs[0]!.error).toBe(null)
  return { bench, topology }
}

describe('`source` in a stage that is cut behind its source', () => {
  it('is what the source says of the record, in steps, conditions and keys', async () => {
    const { bench } = await ran(`    steps:
      - map: "{ line: source.line }"
      - dedupe: { by: source.line, within: 1m }
      - set: { third: "true" }
        if: source.line == 3
    key: "'line ' + source.line"
    to: out
`)
    const records = (await bench.records('out')).toSorted((left, right) =>
      String(left.key) < String(right.key) ? -1 : 1,
    )
    expect(records.map(({ key, value }) => [key, value])).toEqual([
      ['line 1', { line: 1 }],
      ['line 2', { line: 2 }],
      ['line 3', { line: 3, third: true }],
    ])
    expect(records.flatMap(({ headers }) => headers)).toEqual([])
  })

  it('leaves no trace in dead letters', async () => {
    const { bench } = await ran(`    steps:
      - require: source.line != 2
      - dedupe: { by: value, within: 1m }
    to: out
`)
    const [letter] = await bench.records('p.s.dlq')
    expect(letter!.value).toBe('b')
    const names = letter!.headers.map(([name]) => name)
    expect(names.filter((name) => !name.startsWith('millrace-dlq-'))).toEqual(['traceparent'])
  })

  it('takes no room in the records of a stage that does not ask for it', async () => {
    const { bench } = await ran(`    steps:
      - dedupe: { by: value, within: 1m }
    to: out
`)
    const between = await bench.records('p.s.in')
    expect(between.map(({ headers }) => headers)).toEqual([[], [], []])
  })
})

describe('headers without their last one', () => {
  const own: Header[] = [
    ['a', Buffer.from([0, 255])],
    ['x', Buffer.from('own')],
  ]

  it('are the others byte for byte, and all of them where the last has another name', () => {
    const encoded = encodeHeaders([...own, ['x', Buffer.from('added')]])
    expect(Buffer.compare(withoutLastHeader(encoded, 'x'), encodeHeaders(own))).toBe(0)
    expect(withoutLastHeader(encoded, 'a')).toBe(encoded)
    expect(withoutLastHeader(encodeHeaders([['x', Buffer.from('1')]]), 'x')).toHaveLength(0)
    expect(withoutLastHeader(new Uint8Array(0), 'x')).toHaveLength(0)
    expect(batchOf([{ value: '1' }]).headers(0)).toEqual([])
  })
})
