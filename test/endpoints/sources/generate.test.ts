import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../../../src/core/json.ts'
import { generateSource } from '../../../src/endpoints/sources/generate.ts'
import { anEnvironment, aRequest, readSlices } from '../endpoint-fixture.ts'

function aSource(
  setting: Record<string, unknown>,
  positions: ReadonlyMap<string, JsonValue> = new Map(),
  environment = anEnvironment(),
) {
  return generateSource.create(generateSource.config.parse(setting), environment, positions)
}

async function generate(setting: Record<string, unknown>): Promise<string[]> {
  return (await readSlices(aSource({ count: 100, ...setting }))).values
}

async function values(template: unknown, count = 1_000): Promise<unknown[]> {
  return (await generate({ count, template })).map((text) => JSON.parse(text) as unknown)
}

const order = {
  $truncate: {
    ratio: 0.015,
    value: {
      order_id: { $sequence: 'o-%07d' },
      email: {
        $format: [
          'customer.%d@mail%d.example.com',
          { $integer: [0, 49_999] },
          { $integer: [0, 96] },
        ],
      },
      country: { $choice: [' de ', 'FR', 'us '] },
      amount: {
        $weighted: [
          { weight: 965, value: { $number: { min: 1, max: 1_000, text: true } } },
          { weight: 20, value: { $omit: true } },
          { weight: 15, value: { $choice: ['abc', '12,50', '', 'N/A'] } },
        ],
      },
      ts: { $time: { start: '2026-01-01T00:00:00Z', step: '1ms' } },
    },
  },
}

describe('the generate source', () => {
  it('makes the same records from the same seed, others from another', async () => {
    const first = await generate({ template: order })
    expect(await generate({ template: order })).toEqual(first)
    expect(await generate({ template: order, seed: 2 })).not.toEqual(first)
  })

  it('goes on at any index as if it had not stopped', async () => {
    const whole = await generate({ template: order })
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 60 }),
        fc.nat({ max: 5 }),
        async (maxRecords, slices) => {
          const setting = { count: 100, template: order }
          const first = await readSlices(aSource(setting), aRequest({ maxRecords }), slices)
          const rest = await readSlices(aSource(setting, first.positions))
          expect([...first.values, ...rest.values]).toEqual(whole)
        },
      ),
      { numRuns: 30 },
    )
  })

  it('makes orders of which about 5 % are bad, in three ways', async () => {
    const texts = await generate({ count: 20_000, template: order })
    const bad = { missing: 0, text: 0, broken: 0 }
    for (const text of texts) {
      try {
        const { amount } = JSON.parse(text) as { amount?: string }
        if (amount === undefined) bad.missing += 1
        else if (!/^\d+\.\d\d$/.test(amount)) bad.text += 1
      } catch {
        bad.broken += 1
      }
    }
    for (const [kind, share] of [
      ['missing', 0.02],
      ['text', 0.015],
      ['broken', 0.015],
    ] as const) {
      expect(Math.abs(bad[kind] / texts.length - share)).toBeLessThan(0.004)
    }
  })

  it('spreads its numbers evenly', async () => {
    const counts = new Map<unknown, number>()
    for (const value of await values({ $integer: [-1, 2] }, 40_000))
      counts.set(value, (counts.get(value) ?? 0) + 1)
    expect(new Set(counts.keys())).toEqual(new Set([-1, 0, 1, 2]))
    for (const count of counts.values()) expect(Math.abs(count - 10_000)).toBeLessThan(400)
  })

  it('has a generator for each of these', async () => {
    expect(await values({ $sequence: 'o-%03d' }, 2)).toEqual(['o-001', 'o-002'])
    expect(await values({ $sequence: 10 }, 2)).toEqual([10, 11])
    expect(await values({ $number: { min: 1, max: 1, decimals: 1 } }, 1)).toEqual([1])
    expect(
      await values({ $time: { start: '2026-01-01T01:00:00+01:00', step: '500ms' } }, 2),
    ).toEqual(['2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.500Z'])
    expect(await values({ $format: ['%s "%5d" %.1f%% %s', 'x\n', 7, 0.25, null] }, 1)).toEqual([
      'x\n "    7" 0.3% null',
    ])
    expect(await values([{ $omit: true }, { a: { $omit: true } }, 1], 1)).toEqual([[{}, 1]])
    expect(await values({ $$amount: 1 }, 1)).toEqual([{ $amount: 1 }])
    expect(await values({ $a: 1, $b: 2 }, 1)).toEqual([{ $a: 1, $b: 2 }])
    expect(await generate({ count: 1, template: { $raw: '{"broken' } })).toEqual(['{"broken'])
    expect(
      await generate({ count: 1, template: { $weighted: [{ weight: 1, value: { $raw: 'x' } }] } }),
    ).toEqual(['x'])
    for (const id of await values({ $uuid: true }, 50)) {
      expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
    }
    const late = await values(
      { $time: { start: '2026-01-01T00:00:00Z', step: '1s', jitter: '5s' } },
      100,
    )
    for (const [index, at] of late.entries()) {
      const lag = Date.parse('2026-01-01T00:00:00Z') + 1_000 * index - Date.parse(String(at))
      expect(lag >= 0 && lag <= 5_001).toBe(true)
    }
    const trues = (await values({ $boolean: 0.25 }, 10_000)).filter(
      (value) => value === true,
    ).length
    expect(Math.abs(trues - 2_500)).toBeLessThan(200)
  })

  it('writes times as Date does, also before 1970 and where no date is left', async () => {
    for (const [start, step] of [
      ['1969-12-31T23:59:58.995Z', 7],
      ['2026-01-01T00:00:00Z', 999],
      ['9999-12-31T23:59:59Z', 5e17],
    ] as const) {
      const made = await values({ $time: { start, step: `${BigInt(step)}ms` } }, 50)
      const times = made.map((_, index) => Math.min(Date.parse(start) + index * step, 8.64e15))
      expect(made).toEqual(times.map((time) => new Date(time).toISOString()))
    }
  })

  it('takes names such as __proto__ as fields like any other', async () => {
    const template = JSON.parse('{"__proto__": {"x": 1}, "b": 2}') as unknown
    expect(await generate({ count: 1, template })).toEqual(['{"__proto__":{"x":1},"b":2}'])
  })

  it('ends after its count, and has no end without one', async () => {
    expect(await generate({ count: 0, template: 1 })).toEqual([])
    const endless = generateSource.config.parse({ template: 1 })
    expect([
      generateSource.bounded(endless),
      generateSource.bounded({ ...endless, count: 1 }),
    ]).toEqual([false, true])
  })

  it('keeps to the records and bytes asked for', async () => {
    const source = aSource({ template: 'x'.repeat(98) })
    const count = async (request: { maxRecords?: number; maxBytes?: number }) =>
      (await source.read(aRequest(request)))?.batch.count
    expect(await count({ maxRecords: 7 })).toBe(7)
    expect(await count({ maxBytes: 250 })).toBe(3)
    expect(await count({ maxBytes: 1 })).toBe(1)
  })

  it('keeps to its rate, in slices of a tenth of a second', async () => {
    const environment = anEnvironment()
    const start = environment.clock.wallMs()
    const { slices } = await readSlices(
      aSource({ count: 5_000, rate: '1000/s', template: 1 }, new Map(), environment),
    )
    expect(slices).toBe(50)
    expect(environment.clock.wallMs() - start).toBeGreaterThan(4_950)
    expect(environment.clock.wallMs() - start).toBeLessThan(5_050)
  })

  it('makes single records at a low rate, the first at once', async () => {
    const environment = anEnvironment()
    await readSlices(aSource({ count: 3, rate: '30/m', template: 1 }, new Map(), environment))
    expect(environment.clock.slept.map(Math.round)).toEqual([2_000, 2_000])
  })

  it('catches up a delay of at most a second', async () => {
    const environment = anEnvironment()
    const source = aSource({ rate: '100/s', template: 1 }, new Map(), environment)
    await source.read(aRequest())
    environment.clock.nowMs += 60_000
    const { values: made } = await readSlices(source, aRequest(), 1)
    expect(made).toHaveLength(101)
  })

  it('stops waiting when the signal has aborted', async () => {
    expect(
      await aSource({ rate: '1/h', template: 1 }).read(aRequest({ signal: AbortSignal.abort() })),
    ).toBeNull()
  })

  it.each([
    [{ $unknown: 1 }, ['$unknown'], 'there is no $unknown; there are $sequence'],
    [{ a: [{ $integer: [3, 1] }] }, ['a', 0, '$integer'], 'the first number is larger'],
    [{ $integer: [1] }, ['$integer'], ''],
    [{ $choice: [] }, ['$choice'], ''],
    [{ $weighted: [{ weight: 0, value: 1 }] }, ['$weighted', 0, 'weight'], ''],
    [{ $time: { start: 'now', step: '1s' } }, ['$time', 'start'], 'ISO'],
    [{ $format: ['%d'] }, ['$format'], 'the text has 1 places for 0 values'],
    [{ $format: ['%x', 1] }, ['$format'], 'after a % comes'],
    [{ $format: ['%s', { a: 1 }] }, ['$format', 1], 'only single values'],
    [{ a: { $raw: 'x' } }, ['a'], 'at the top of the template only'],
    [{ $boolean: 2 }, ['$boolean'], ''],
  ])('refuses the template %j', (template, path, message) => {
    const { error } = generateSource.config.safeParse({ template })
    expect(error?.issues[0]?.path).toEqual(['template', ...path])
    expect(error?.issues[0]?.message).toContain(message)
  })

  it('refuses a template that nests too deep, and none at all', () => {
    let deep: unknown = 1
    for (let level = 0; level < 40; level++) deep = [deep]
    expect(generateSource.config.safeParse({ template: deep }).error?.issues[0]?.message).toContain(
      'nested deeper',
    )
    expect(generateSource.config.safeParse({}).success).toBe(false)
    expect(generateSource.config.safeParse({ template: 1, rate: '0/s' }).success).toBe(false)
    expect(generateSource.config.safeParse({ template: 1, rate: '5' }).success).toBe(false)
  })
})
