import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeJson, encodeJson, type JsonValue } from '../../../src/core/json.ts'
import { StepRecord } from '../../../src/core/step-record.ts'
import { cast } from '../../../src/operators/cleaning/cast.ts'
import { bound, runOperator } from '../../../src/simulation/run-operator.ts'

/** The results of one field's cast; undefined where the record failed. */
function casted(type: unknown, values: readonly JsonValue[]): unknown[] {
  return values.map((a) => {
    const { emitted } = runOperator(cast, { a: type }, [{ a }])
    return emitted.length === 0 ? undefined : (emitted[0] as { a: JsonValue }).a
  })
}

describe('cast', () => {
  it('reads missing fields, null and the empty text as null, for every type', () => {
    for (const type of ['number', 'integer', 'boolean', 'string', 'timestamp']) {
      expect(runOperator(cast, { a: type }, [{}, { a: null }, { a: '' }]).emitted).toEqual([
        { a: null },
        { a: null },
        { a: null },
      ])
    }
  })

  it('makes no object for a field inside a missing one', () => {
    const { emitted } = runOperator(cast, { 'a.b': 'number' }, [
      {},
      { a: null },
      { a: {} },
      { a: 'x' },
    ])
    expect(emitted).toEqual([{}, { a: null }, { a: { b: null } }, { a: 'x' }])
  })

  it('names field, value and type in its message, and shortens the value', () => {
    const { failed } = runOperator(cast, { amount: 'number', n: 'integer' }, [
      { amount: '12,50' },
      { n: 3.5 },
      { amount: 'x'.repeat(1_000_000) },
      { amount: [1] },
    ])
    expect(failed.map(({ code, message }) => `${code} ${message}`)).toEqual([
      'RECORD_CAST amount: "12,50" is not a number',
      'RECORD_CAST n: 3.5 is not an integer',
      `RECORD_CAST amount: "${'x'.repeat(39)}... is not a number`,
      'RECORD_CAST amount: a list is not a number',
    ])
  })

  it('gives null instead of a failed record where the setting says so', () => {
    expect(casted({ type: 'number', on_fail: null }, ['n/a', {}])).toEqual([null, null])
    expect(casted({ type: 'number', on_fail: 'null' }, ['n/a'])).toEqual([null])
  })

  it('reads the values of `empty` as null, also with white space around', () => {
    expect(casted({ type: 'number', empty: ['-', -999] }, ['-', ' - ', -999, '-999', '5'])).toEqual(
      [null, null, null, null, 5],
    )
  })

  it('refuses types that it does not have, and options of other types', () => {
    for (const type of [
      'int',
      { type: 'number', formats: ['yyyy'] },
      { type: 'timestamp', timezone: 'Mars' },
      { type: 'number', decimal: ',' },
      { type: 'decimal', decimal: ',', group: ',' },
      { type: 'decimal', group: '.' },
    ]) {
      expect(() => runOperator(cast, { a: type }, [])).toThrow()
    }
    for (const formats of [[], ['dd-MM'], ['yyyy-xx'], ['yyyy yyyy'], ["yyyy 'open"]]) {
      expect(() => runOperator(cast, { a: { type: 'timestamp', formats } }, [])).toThrow()
    }
    expect(() => runOperator(cast, {}, [])).toThrow()
  })

  it('adds its fields to those that are known', () => {
    const config = bound(cast, { b: 'number', 'c.d': 'number' }) as never
    expect(cast.fieldsAfter!(new Set(['a']), config)).toEqual(new Set(['a', 'b']))
    expect(cast.fieldsAfter!(null, config)).toBeNull()
  })
})

describe('cast to number', () => {
  it('takes decimal digits with a sign, a point and an exponent, and nothing else', () => {
    expect(casted('number', [' 12.50 ', '-0.5', '+7', '.5', '5.', '1e3', '007', '  '])).toEqual([
      12.5,
      -0.5,
      7,
      0.5,
      5,
      1_000,
      7,
      null,
    ])
    const refused = [
      '0x10',
      'Infinity',
      'NaN',
      '1e400',
      '1_000',
      '1,5',
      '1 2',
      '--1',
      'e5',
      '.',
      '12abc',
      '٣',
    ]
    expect(casted('number', refused)).toEqual(refused.map(() => undefined))
    expect(casted('number', [true, [], {}, [5]])).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ])
  })

  it('agrees with JavaScript on every number that JavaScript prints', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
        expect(casted('number', [String(number)])[0]).toBe(number + 0)
      }),
    )
  })

  it('keeps integers exact that a double cannot hold', () => {
    const texts = ['9007199254740993', '-12345678901234567890', '+00012345678901234567890']
    const { emitted } = runOperator(
      cast,
      { a: 'integer' },
      texts.map((a) => ({ a })),
    )
    expect(emitted.map((value) => encodeJson(value))).toEqual([
      '{"a":9007199254740993}',
      '{"a":-12345678901234567890}',
      '{"a":12345678901234567890}',
    ])
  })

  it('rounds long decimals as every double is, and refuses what no double reaches', () => {
    const [long, huge] = ['0.12345678901234567890', '1e400'].map((text) => decodeJson(text))
    expect(casted('number', [long!, huge!])).toEqual([0.123_456_789_012_345_68, undefined])
    expect(casted('number', ['0.12345678901234567890'])).toEqual([0.123_456_789_012_345_68])
  })

  it('takes a timestamp that was cast before as epoch milliseconds', () => {
    const record = new StepRecord()
    record.value = { a: new Date(5) }
    const operator = cast.create(bound(cast, { a: 'number' }) as never)
    operator.process(record, { emit: () => {}, drop: () => {} })
    expect(record.value).toEqual({ a: 5 })
  })

  it('takes for an integer what has no fraction, however it is written', () => {
    expect(casted('integer', ['12.0', '1e3', 7, '0.5', 1.5])).toEqual([
      12,
      1_000,
      7,
      undefined,
      undefined,
    ])
  })
})

describe('cast to boolean and string', () => {
  it('takes true/false, yes/no, t/f, y/n and 1/0 in any case', () => {
    expect(casted('boolean', [' TRUE', 'Yes', 't', 'Y', '1', 1, true])).toEqual(Array(7).fill(true))
    expect(casted('boolean', ['false', 'NO', 'F', 'n', '0', 0, false])).toEqual(
      Array(7).fill(false),
    )
    expect(casted('boolean', ['on', '2', 2, [], 'truee'])).toEqual(Array(5).fill(undefined))
    expect(casted('boolean', [' '])).toEqual([null])
  })

  it('writes numbers as they came in, and refuses lists and objects', () => {
    const exact = decodeJson('12345678901234567890')
    expect(casted('string', [1.5, true, exact, ' x ', [], {}])).toEqual([
      '1.5',
      'true',
      '12345678901234567890',
      ' x ',
      undefined,
      undefined,
    ])
  })
})

describe('cast to timestamp', () => {
  it('takes ISO 8601, as UTC where it names no zone, and epoch milliseconds', () => {
    const texts = [
      '2026-01-31',
      '2026-01-31T18:20',
      '2026-01-31 18:20:30.5',
      '2026-01-31T18:20:30+02:00',
      0,
    ]
    expect(casted('timestamp', texts)).toEqual([
      '2026-01-31T00:00:00.000Z',
      '2026-01-31T18:20:00.000Z',
      '2026-01-31T18:20:30.500Z',
      '2026-01-31T16:20:30.000Z',
      '1970-01-01T00:00:00.000Z',
    ])
  })

  it('refuses days and times that do not exist, and what is no time', () => {
    const refused = [
      '2026-02-30',
      '2026-13-01',
      '2026-01-01T25:00',
      'yesterday',
      '01/02/2026',
      '1767225600000',
    ]
    expect(casted('timestamp', refused)).toEqual(refused.map(() => undefined))
    expect(casted('timestamp', [8.65e15, true, []])).toEqual([undefined, undefined, undefined])
  })

  it('is a Date inside the stage and text outside of it', () => {
    const record = new StepRecord()
    record.value = { a: '2026-01-31' }
    const operator = cast.create(bound(cast, { a: 'timestamp' }) as never)
    operator.process(record, { emit: () => {}, drop: () => {} })
    expect(record.value).toEqual({ a: new Date(Date.UTC(2026, 0, 31)) })
    operator.process(record, { emit: () => {}, drop: () => {} })
    expect(encodeJson(record.value)).toBe('{"a":"2026-01-31T00:00:00.000Z"}')
  })

  it('tries the formats in turn, and ISO 8601 is then none of them', () => {
    const type = { type: 'timestamp', formats: ['dd-MM-yyyy', 'yyyyMMdd'] }
    expect(
      casted(type, ['31-01-2026', '20260131', 20_260_131, '2026-01-31', '30-02-2026']),
    ).toEqual([
      '2026-01-31T00:00:00.000Z',
      '2026-01-31T00:00:00.000Z',
      '2026-01-31T00:00:00.000Z',
      undefined,
      undefined,
    ])
  })

  it('reads clock times where the setting says the clock hangs, but not those that name a zone', () => {
    const type = { type: 'timestamp', timezone: 'America/New_York' }
    expect(casted(type, ['2026-07-01T12:00', '2026-01-01T12:00', '2026-01-01T12:00Z'])).toEqual([
      '2026-07-01T16:00:00.000Z',
      '2026-01-01T17:00:00.000Z',
      '2026-01-01T12:00:00.000Z',
    ])
  })
})
