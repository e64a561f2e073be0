import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { RecordFailure } from '../../src/core/errors.ts'
import { getField } from '../../src/core/field-path.ts'
import { encodeJson } from '../../src/core/json.ts'
import { defineStateful, defineStateless, type StatefulOperator } from '../../src/core/operator.ts'
import { InputRecord, runOperator } from '../../src/simulation/run-operator.ts'

const examples = [{ title: 'none', config: null, input: [], output: [] }] as const

/** Counts by key; emits the counts that are due, and the rest at the end. */
const count = defineStateful({
  type: 'count',
  kind: 'stateful',
  summary: 'For tests.',
  config: z.null(),
  examples,
  project: () => ({
    process(record, context) {
      record.madeKey = encodeJson(getField(record.value, ['k']) ?? null)
      context.emit(record)
    },
  }),
  create: (): StatefulOperator<{ n: number }> => ({
    codec: { encode: JSON.stringify, decode: (text) => JSON.parse(text) as { n: number } },
    process(record, context) {
      if (record.eventTimeMs < context.watermarkMs) return context.late(record)
      const key = record.key ?? ''
      const n = (context.state.get(key)?.n ?? 0) + 1
      context.state.put(key, { n }, record.eventTimeMs + 10)
      if (getField(record.value, ['bad']) === true) throw new RecordFailure('RECORD_TYPE', 'bad')
      context.absorb()
    },
    onDue(key, { n }, context) {
      context.produce({ key, value: n, eventTimeMs: context.watermarkMs })
      context.state.delete(key)
    },
    flushEveryMs: null,
    onFlush: () => {},
    onEnd: (context) => context.watermarkMs + 10,
  }),
})

const at = (k: string, eventTimeMs: number, bad = false) =>
  new InputRecord({ value: { k, bad }, eventTimeMs })

describe('runOperator', () => {
  it('moves the watermark with the records and to the end', () => {
    const input = [at('a', 0), at('a', 5), at('b', 12), at('b', 15), at('a', 3)]
    const run = runOperator(count, null, input)
    expect(run.records).toEqual([
      { key: '"a"', value: 2, eventTimeMs: 15 },
      { key: '"b"', value: 2, eventTimeMs: 25 },
    ])
    expect(run.dispositions).toEqual(['absorbed', 'absorbed', 'absorbed', 'absorbed', 'late'])
    expect([run.absorbed, run.late]).toEqual([4, [{ k: 'a', bad: false }]])
  })

  it('holds the watermark back where a bounded source would', () => {
    const run = runOperator(count, null, [at('a', 20), at('a', 0)], { watermark: 'held' })
    expect(run.late).toEqual([])
  })

  it('takes back what a failed record had changed', () => {
    const run = runOperator(count, null, [at('a', 0), at('a', 1, true), at('a', 2)])
    expect(run.dispositions).toEqual(['absorbed', 'dead_lettered', 'absorbed'])
    expect(run.emitted).toEqual([2])
  })

  it('gives the same with a restart after every record', () => {
    const input = [at('a', 0), at('b', 5), at('a', 7), at('b', 30)]
    expect(runOperator(count, null, input, { restarts: true })).toEqual(
      runOperator(count, null, input),
    )
  })

  it('gives the raw bytes and the decoded value of a record', () => {
    const show = defineStateless({
      type: 'show',
      kind: 'stateless',
      summary: 'For tests.',
      config: z.null(),
      examples,
      create: () => ({
        process(record, context) {
          record.value = [record.valueText, record.value, record.key, record.eventTimeMs]
          context.emit(record)
        },
      }),
    })
    const input = [
      { ts: 5 },
      { ts: '1970-01-01T00:00:01Z' },
      new InputRecord({ raw: 'x', key: 'k', eventTimeMs: 1 }),
    ]
    expect(runOperator(show, null, input).emitted).toEqual([
      ['{"ts":5}', { ts: 5 }, null, 5],
      ['{"ts":"1970-01-01T00:00:01Z"}', { ts: '1970-01-01T00:00:01Z' }, null, 1_000],
      ['x', null, 'k', 1],
    ])
  })

  it('refuses an operator that loses a record', () => {
    const lose = defineStateless({
      type: 'lose',
      kind: 'stateless',
      summary: 'For tests.',
      config: z.null(),
      examples,
      create: () => ({ process: () => {} }),
    })
    expect(() => runOperator(lose, null, [{}])).toThrow('lose lost record 0')
  })
})
