import { describe, expect, it } from 'vitest'
import { decodeJson } from '../../../src/core/json.ts'
import { StepRecord } from '../../../src/core/step-record.ts'
import { validate } from '../../../src/operators/cleaning/validate.ts'
import { bound, runOperator } from '../../../src/simulation/run-operator.ts'

const messages = (schema: object, ...input: Parameters<typeof runOperator>[2][number][]) =>
  runOperator(validate, { schema }, input).failed.map(({ code, message }) => `${code} ${message}`)

describe('validate', () => {
  it('names the path that fails, and nothing of the value', () => {
    const schema = {
      type: 'object',
      required: ['id'],
      additionalProperties: false,
      properties: {
        id: { type: 'integer' },
        lines: { type: 'array', items: { properties: { 'a/b': { enum: ['x', 'y'] } } } },
      },
    }
    expect(
      messages(
        schema,
        { id: 'secret' },
        {},
        { id: 1, more: 'secret' },
        { id: 1, lines: [{}, { 'a/b': 'secret' }] },
        'secret',
      ),
    ).toEqual([
      'RECORD_INVALID id must be integer',
      "RECORD_INVALID the value must have required property 'id'",
      'RECORD_INVALID the value must NOT have additional properties: "more"',
      'RECORD_INVALID lines.1.a/b must be equal to one of the allowed values: ["x","y"]',
      'RECORD_INVALID the value must be object',
    ])
  })

  it('sees a timestamp as the text that it leaves the stage as', () => {
    const record = new StepRecord()
    const value = { list: [{ ts: new Date(0) }], n: decodeJson('12345678901234567890') }
    record.value = value
    const schema = {
      properties: {
        list: { items: { properties: { ts: { type: 'string', format: 'date-time' } } } },
        n: { type: 'integer' },
      },
    }
    let emitted = 0
    validate.create(bound(validate, { schema }) as never).process(record, {
      emit: () => (emitted += 1),
      drop: () => {},
    })
    expect(emitted).toBe(1)
    expect(record.value).toBe(value)
    expect(value.list[0]!.ts).toEqual(new Date(0))
  })

  it('takes 1e400 for a very large number', () => {
    expect(messages({ type: 'number' }, decodeJson('1e400'))).toEqual([])
    expect(messages({ maximum: 5 }, decodeJson('1e400'))).toEqual([
      'RECORD_INVALID the value must be <= 5',
    ])
  })

  it('does not take inherited methods for fields', () => {
    expect(messages({ required: ['toString'] }, {})).toHaveLength(1)
    expect(messages({ properties: { constructor: { type: 'number' } } }, {})).toEqual([])
  })

  it('matches its patterns in linear time', () => {
    const schema = {
      properties: { a: { pattern: '^(a+)+$' } },
      patternProperties: { '^(x+)+$': { type: 'number' } },
    }
    const hostile = `${'a'.repeat(100_000)}!`
    expect(
      messages(
        schema,
        { a: hostile },
        { a: 'aa' },
        { [`${'x'.repeat(50_000)}!`]: 's' },
        { xx: 's' },
      ),
    ).toEqual(['RECORD_INVALID a must match pattern "^(a+)+$"', 'RECORD_INVALID xx must be number'])
  })

  it('follows references inside the schema only', () => {
    const schema = {
      $defs: { id: { type: 'string', pattern: '^i' } },
      properties: { a: { $ref: '#/$defs/id' } },
    }
    expect(messages(schema, { a: 'i1' }, { a: 'x' })).toEqual([
      'RECORD_INVALID a must match pattern "^i"',
    ])
    for (const $ref of ['https://example.com/schema.json', './other.json', '#/$defs/missing']) {
      expect(() => runOperator(validate, { schema: { $ref } }, [])).toThrow(
        "can't resolve reference",
      )
    }
  })

  it('refuses a schema that is none, at the place of the setting', () => {
    const refused = [
      { type: 'text' },
      { requird: ['a'] },
      { properties: { a: { format: 'no-such-format' } } },
      { pattern: '(' },
      { pattern: '(?=lookahead)' },
      { $async: true },
      { $schema: 'http://json-schema.org/draft-04/schema#' },
    ]
    for (const schema of refused) expect(() => runOperator(validate, { schema }, [{}])).toThrow()
  })

  it('allows annotations of OpenAPI and extensions', () => {
    expect(
      messages({ 'x-owner': 'me', example: 1, properties: { a: { 'x-pii': true } } }, {}),
    ).toEqual([])
  })

  it('does not take data inside a schema for a pattern', () => {
    const schema = {
      default: { pattern: '(' },
      properties: { default: { pattern: '^a' }, pattern: { const: '(' } },
    }
    expect(messages(schema, { default: 'b' }, { pattern: '(' })).toEqual([
      'RECORD_INVALID default must match pattern "^a"',
    ])
  })
})

describe('validate with a file', () => {
  const run = (text: string, config: unknown = './order.schema.json') =>
    runOperator(validate, config, [{ a: 1 }, { a: 'x' }, {}], {
      files: { './order.schema.json': text },
    })

  it('reads the schema when the pipeline is compiled', () => {
    const text = JSON.stringify({
      required: ['a'],
      properties: { a: { type: 'string', pattern: '^x' } },
    })
    expect(run(text).emitted).toEqual([{ a: 'x' }])
    expect(run(text, { schema: './order.schema.json' }).failed).toHaveLength(2)
  })

  it('says which file is no schema, and why', () => {
    expect(() => run('{')).toThrow('./order.schema.json is no JSON Schema')
    expect(() => run('[]')).toThrow('an object is needed')
    expect(() => run('{"type":"text"}')).toThrow('./order.schema.json is no JSON Schema')
    expect(() => run('{"pattern":"(?=x)"}')).toThrow()
  })
})
