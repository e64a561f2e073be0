import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { drive, inTopic, raw, topologyOf } from '../simulation/pipeline-fixture.ts'

/** A stage whose steps touch a few fields; with a listener, all of its values are decoded. */
function pipeline(withListener: boolean): string {
  return `
pipeline: p
stages:
  - name: ingest
    source: { feed: 1 }
    to: raw
  - name: clean
    from: raw
    steps:
      - trim: [country]
      - cast:
          amount: number
          ts: { type: timestamp, on_fail: null }
      - set:
          country: upper(value.country)
          nested.flag: value.amount > 1
          added: "value.amount == null ? 'none' : value.amount * 2"
      - default:
          channel: web
      - mask:
          email: sha256
      - filter: value.amount != 3
        if: value.country != 'NL'
    key: value.country
    to: clean${withListener ? '\n    hooks: [{ on: [record_processed], do: { tell: 1 } }]' : ''}
`
}

const cell = fc.oneof(
  fc.constantFrom(
    null,
    true,
    '',
    ' nl ',
    'NL',
    'ü',
    '"quoted"',
    '12.5',
    '3',
    '2026-01-01T00:00:00Z',
    9_007_199_254_740_993n,
  ),
  fc.integer({ min: -5, max: 5 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
)
const name = fc.constantFrom(
  'country',
  'amount',
  'ts',
  'email',
  'channel',
  'added',
  'other',
  'x"y',
  '__proto__',
  'é',
)
const nested = fc.oneof(fc.constantFrom('{}', '[]', '{"flag":0,"rest":[1, {"a":null}]}', '7'))

/** Texts of objects, also with a name twice, with white space, and broken. */
const text = fc
  .tuple(
    fc.array(fc.tuple(name, cell), { maxLength: 8 }),
    fc.option(nested),
    fc.constantFrom('', ' ', '\n'),
    fc.nat(40),
  )
  .map(([members, inner, space, cut]) => {
    const parts = members.map(
      ([key, value]) =>
        `${JSON.stringify(key)}:${space}${typeof value === 'bigint' ? value : JSON.stringify(value)}`,
    )
    if (inner !== null) parts.push(`"nested":${inner}`)
    const whole = `{${parts.join(`,${space}`)}}`
    return cut === 0 ? whole.slice(0, -1) : whole
  })

async function results(texts: readonly string[], withListener: boolean) {
  const driver = await drive(pipeline(withListener), { partitions: 1 })
  await driver.send(
    'ingest',
    texts.map((each) => raw(each)),
  )
  await driver.end()
  const clean = (await inTopic(driver, 'clean')).map(({ key, value }) => ({ key, value }))
  const dead = (await inTopic(driver, 'p.clean.dlq')).map(({ text: bytes, facts }) => ({
    bytes,
    code: facts['millrace-dlq-code'],
    step: facts['millrace-dlq-step'],
  }))
  await driver.close()
  return { clean, dead }
}

describe('a stage whose steps touch a few fields', () => {
  it('decodes those alone, unless a listener may be shown the value', () => {
    const fieldsOf = (withListener: boolean) =>
      topologyOf(pipeline(withListener)).nodes.find(({ id }) => id === 'clean')!.fields
    expect(fieldsOf(false)).toMatchObject({
      splices: true,
      names: expect.arrayContaining(['country', 'nested', 'email']),
    })
    expect(fieldsOf(true)).toBeNull()
  })

  it('gives the same values, keys and dead letters as one that decodes everything', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 20 }), async (texts) => {
        expect(await results(texts, false)).toEqual(await results(texts, true))
      }),
      { numRuns: 60 },
    )
  })
})
