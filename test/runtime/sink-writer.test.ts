import { describe, expect, it } from 'vitest'
import type { RecordBatch } from '../../src/core/record-batch.ts'
import { plannedListener, plannedSink, plannedSource, RunBench, until } from './run-fixture.ts'

const numbers = (count: number) => Array.from({ length: count }, (_, n) => ({ n }))
const byN = (values: readonly unknown[]) =>
  values.map((value) => (value as { n: number }).n).toSorted((a, b) => a - b)

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

describe('a sink that refuses some records of a batch', () => {
  const setUp = (refuses: (n: number, attempt: number) => boolean) => {
    const bench = new RunBench()
    const tried: number[][] = []
    const numbersOf = (batch: RecordBatch) =>
      Array.from({ length: batch.count }, (_, index) => {
        return (JSON.parse(batch.valueText(index)!) as { n: number }).n
      })
    const sink = plannedSink(
      'kept',
      (batch) => {
        tried.push(numbersOf(batch))
        return []
      },
      (batch, attempt) =>
        numbersOf(batch).flatMap((n, index) =>
          refuses(n, attempt) ? [{ index, message: `no ${n}` }] : [],
        ),
    )
    const source = plannedSource('numbers', { values: numbers(5), sliceSize: 5 }, bench.clock)
    const topology = bench.topology(copy, {
      sources: [source],
      sinks: [sink.definition],
      listeners: [plannedListener('told').definition],
      partitions: 1,
    })
    return { bench, sink, topology, tried }
  }

  it('is given these alone again, `retry.max` times; then they alone are dead-lettered', async () => {
    const { bench, sink, topology, tried } = setUp(
      (n, attempt) => n === 3 || (n === 1 && attempt < 2),
    )
    const run = await bench.start([topology])
    await until(() => sink.attempts() > 0)
    await bench.clock.advance(60_000)
    await run.done
    expect(tried).toEqual([[0, 1, 2, 3, 4], [1, 3], [3]])
    const dead = await bench.records('p.show.dlq')
    expect(byN(dead.map(({ value }) => value))).toEqual([3])
    expect(dead[0]!.facts).toMatchObject({
      'millrace-dlq-code': 'RECORD_REJECTED',
      'millrace-dlq-message': 'no 3',
      'millrace-dlq-attempts': '3',
    })
  })
})
