import { describe, expect, it } from 'vitest'
import { Decimal } from '../../src/core/decimal.ts'
import { RecordFailure } from '../../src/core/errors.ts'
import { decodeJson, type JsonValue } from '../../src/core/json.ts'
import { readCsv } from '../../src/operators/cleaning/text-formats.ts'
import { valueEncoder } from '../../src/runtime/value-encoder.ts'
import { drive, inTopic, json, raw, valuesOf } from '../simulation/pipeline-fixture.ts'

const text = valueEncoder({ format: 'text', field: null })
const bytes = valueEncoder({ format: 'bytes', field: 'data' })
const csv = valueEncoder({ format: 'csv', columns: ['a', 'b'], delimiter: ',' })

describe('values that are written as something else than JSON', () => {
  it('are text as it is', () => {
    const values: JsonValue[] = ['a "b"', 1.5, true, new Date(5), Decimal.parse('0.10')!, null]
    expect(values.map(text)).toEqual([
      'a "b"',
      '1.5',
      'true',
      '1970-01-01T00:00:00.005Z',
      '0.10',
      null,
    ])
    expect(text(decodeJson('12345678901234567890'))).toBe('12345678901234567890')
    expect(valueEncoder({ format: 'text', field: 'line' })({ line: 'x', more: 1 })).toBe('x')
  })

  it('are the bytes of a text in base64, whatever they are', () => {
    expect(bytes({ data: 'AP/+' })).toEqual(Buffer.from([0, 255, 254]))
    expect(bytes({})).toBe(null)
    for (const data of ['A', 'AP/', 'AP_-', ' AP/+', 5])
      expect(() => bytes({ data }), String(data)).toThrow(RecordFailure)
  })

  it('are rows that `parse` reads as the same texts', () => {
    const shape = { columns: ['a', 'b'], delimiter: ',', quote: '"' }
    const rows = [
      { a: '1', b: '2' },
      { a: 'x,y', b: 'say "no"' },
      { a: 'two\nlines', b: '' },
      { a: '', b: '' },
    ]
    for (const row of rows) expect(readCsv(String(csv(row)), shape)).toEqual(row)
    expect(csv({ a: [1, { x: 2 }], b: 0.5 })).toBe('"[1,{""x"":2}]",0.5')
    expect(csv({ other: 1 })).toBe(',')
    expect(valueEncoder({ format: 'csv', columns: ['a'], delimiter: ']' })({ a: 'x]y' })).toBe(
      '"x]y"',
    )
    expect(valueEncoder({ format: 'csv', columns: ['a'], delimiter: ';' })({})).toBe('""')
  })

  it.each([[[1]], [{}]])('fail where %j is no text', (value) => {
    expect(() => text(value)).toThrow(RecordFailure)
    expect(() => csv([value])).toThrow(RecordFailure)
  })

  it('go through topics, with steps or without, and what is no JSON is dead-lettered', async () => {
    const driver = await drive(`
pipeline: p
topics: { raw: { partitions: 1 }, rows: { partitions: 1 }, again: { partitions: 1 }, lines: { partitions: 1 } }
stages:
  - { name: ingest, source: { feed: 1 }, to: raw }
  - { name: rows, from: raw, encode: { format: csv, columns: [a, b], delimiter: ';' }, to: rows }
  - { name: again, from: rows, steps: [{ parse: { format: csv, columns: [a, b], delimiter: ';' } }], to: again }
  - { name: lines, from: raw, steps: [{ map: value.a }], encode: text, to: lines }
`)
    await driver.send('ingest', [json({ a: 'x;y', b: 1 }), raw('{broken'), json({ a: [1] })])
    expect((await inTopic(driver, 'rows')).map((record) => record.text)).toEqual([
      '"x;y";1',
      '[1];',
    ])
    expect(valuesOf(await inTopic(driver, 'again'))).toEqual([
      { a: 'x;y', b: '1' },
      { a: '[1]', b: '' },
    ])
    expect((await inTopic(driver, 'lines')).map((record) => record.text)).toEqual(['x;y'])
    const codes = async (topic: string) =>
      (await inTopic(driver, topic)).map(({ facts }) => facts['millrace-dlq-code'])
    expect(await codes('p.rows.dlq')).toEqual(['RECORD_DECODE'])
    expect(await codes('p.lines.dlq')).toEqual(['RECORD_DECODE', 'RECORD_ENCODE'])
    await driver.close()
  })
})
