import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JsonObject, JsonValue } from '../../../src/core/json.ts'
import { aggregate } from '../../../src/operators/analysis/aggregate.ts'
import { aggregateConfig } from '../../../src/operators/analysis/aggregate-config.ts'
import {
  type InputRecord,
  runOperator,
  type RunOptions,
} from '../../../src/simulation/run-operator.ts'

const noon = Date.UTC(2026, 0, 1, 12)

function run(config: unknown, input: readonly (JsonValue | InputRecord)[], options?: RunOptions) {
  return runOperator(aggregate, config, input, options)
}

describe('aggregate', () => {
  it.each(aggregate.examples)('does as its example says: $title', ({ config, input, output }) => {
    expect(run(config, input).emitted).toEqual(output)
    expect(run(config, input, { restarts: true }).emitted).toEqual(output)
  })

  it('tells the fields that go out', () => {
    const config = aggregateConfig.parse({
      window: { tumbling: '1s' },
      by: 'key',
      fields: { n: 'count()' },
    })
    const fields = aggregate.fieldsAfter?.(new Set(['anything']), config)
    expect([...fields!]).toEqual(['window_start', 'window_end', 'key', 'n'])
  })

  it('keeps the key of its input only where the group is just that', () => {
    const keeps = (by: unknown) =>
      aggregate.keepsKey?.(aggregateConfig.parse({ by, fields: { n: 'count()' } }))
    expect(keeps('key')).toBe(true)
    expect(keeps(' key ')).toBe(true)
    for (const by of [undefined, 'value.key', ['key'], { key: 'key' }])
      expect(keeps(by)).toBe(false)
  })

  it('emits no result for what no record fell into', () => {
    const input = [
      { g: 'a', ts: noon },
      { g: 'b', ts: noon + 5_000 },
    ]
    const { emitted } = run(
      { window: { tumbling: '1s' }, by: 'value.g', fields: { n: 'count()' } },
      input,
    )
    expect(emitted).toHaveLength(2)
  })

  it('absorbs every record', () => {
    const { dispositions } = run({ fields: { n: 'count()' } }, [1, null, 'x', {}])
    expect(dispositions).toEqual(['absorbed', 'absorbed', 'absorbed', 'absorbed'])
  })
})

interface Row {
  readonly g: string
  readonly x: number | null
  readonly ts: number
}

const rows = fc.array(
  fc.record({
    g: fc.constantFrom('a', 'b', 'c'),
    x: fc.option(fc.double({ noNaN: true, min: -1e6, max: 1e6 })),
    ts: fc.integer({ min: -100_000, max: 100_000 }),
  }),
  { minLength: 1, maxLength: 60 },
)

const everything = {
  window: { tumbling: '10s', grace: '200s' },
  by: 'value.g',
  fields: {
    n: 'count()',
    positive: 'count(value.x > 0)',
    sum: 'sum(value.x)',
    avg: 'avg(value.x)',
    min: 'min(value.x)',
    max: 'max(value.x)',
    distinct: 'distinct(value.x)',
    p50: 'percentile(value.x, 50)',
    top: 'top_k(value.x, 2)',
  },
}

/** Sorts, folds and knows nothing of accumulators. */
function reference(input: readonly Row[]): JsonObject[] {
  const windows = new Map<string, Row[]>()
  for (const row of input) {
    const end = Math.floor(row.ts / 10_000) * 10_000 + 10_000
    const id = JSON.stringify([end + 5e9, row.g])
    windows.set(id, [...(windows.get(id) ?? []), row])
  }
  return [...windows].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => folded(group))
}

function folded(group: readonly Row[]): JsonObject {
  const start = Math.floor(group[0]!.ts / 10_000) * 10_000
  const numbers = group.flatMap(({ x }) => (x === null ? [] : [x + 0])).toSorted((a, b) => a - b)
  const counts = new Map<number, number>()
  for (const x of numbers) counts.set(x, (counts.get(x) ?? 0) + 1)
  const isEmpty = numbers.length === 0
  return {
    window_start: new Date(start).toISOString(),
    window_end: new Date(start + 10_000).toISOString(),
    g: group[0]!.g,
    n: group.length,
    positive: numbers.filter((x) => x > 0).length,
    min: numbers[0] ?? null,
    max: numbers.at(-1) ?? null,
    distinct: counts.size,
    p50: isEmpty ? null : numbers[Math.ceil(numbers.length / 2) - 1]!,
    total: isEmpty ? null : numbers.reduce((sum, x) => sum + x, 0),
  }
}

describe('aggregate against a plain fold', () => {
  it('gives the same windows', () => {
    fc.assert(
      fc.property(rows, (input) => {
        const emitted = run(everything, input).emitted as JsonObject[]
        const expected = reference(input)
        expect(emitted).toHaveLength(expected.length)
        for (const [index, { total, ...rest }] of expected.entries()) {
          expect(emitted[index]).toMatchObject(rest)
          if (total === null) expect(emitted[index]!['sum']).toBe(null)
          else expect(emitted[index]!['sum']).toBeCloseTo(total as number, 3)
        }
      }),
    )
  })

  it('gives the same windows in any order of arrival within the grace, to the last digit', () => {
    const shuffled = rows.chain((input) =>
      fc.tuple(fc.constant(input), fc.shuffledSubarray(input, { minLength: input.length })),
    )
    fc.assert(
      fc.property(shuffled, ([input, other]) => {
        const inOrder = run(everything, input)
        const outOfOrder = run(everything, other)
        expect(outOfOrder.emitted).toEqual(inOrder.emitted)
        expect(outOfOrder.late).toEqual([])
      }),
    )
  })

  it('gives the same when it is restarted after every record', () => {
    const config = { ...everything, window: { tumbling: '10s', grace: '20s' } }
    const withEdges = {
      ...config,
      fields: { ...config.fields, first: 'first(value.x)', last: 'last(value.x)' },
    }
    const { window: _window, ...running } = withEdges
    fc.assert(
      fc.property(rows, fc.constantFrom(withEdges, running), (input, setting) => {
        const plain = run(setting, input)
        const restarted = run(setting, input, { restarts: true })
        expect(restarted.records).toEqual(plain.records)
        expect(restarted.late).toEqual(plain.late)
        expect(restarted.dispositions).toEqual(plain.dispositions)
      }),
    )
  })
})
