import { describe, expect, it } from 'vitest'
import { fieldsRead, staticFields } from '../../src/expressions/fields-read.ts'

describe('staticFields', () => {
  const names = (source: string) =>
    staticFields(source).map(({ name, offset }) => `${name}@${offset}`)

  it('tells the top-level fields that a source names, with their places', () => {
    expect(names('value.a + value["b"].c')).toEqual(['a@6', 'b@16'])
    expect(names('percentile(value.delay, 95) / count()')).toEqual(['delay@17'])
    expect(names('map(value.list, value => value.x)')).toEqual(['list@10'])
  })

  it('leaves out fields that may be missing or are named by the record', () => {
    expect(names('value?.maybe || value[key]')).toEqual([])
    expect(names('this is nothing')).toEqual([])
  })
})

describe('fieldsRead', () => {
  const read = (source: string) => {
    const fields = fieldsRead(source)
    return fields === null ? null : [...fields]
  }

  it('tells all fields, also those that may be missing', () => {
    expect(read('value.a > 0 && value?.b == null')).toEqual(['a', 'b'])
    expect(read('count(value.late) / count()')).toEqual(['late'])
    expect(read('{ value: value.a, x: key }')).toEqual(['a'])
    expect(read('headers.value')).toEqual([])
  })

  it.each([
    'value',
    'keys(value)',
    'value[key]',
    '{ ...value }',
    '{ [value.a]: value }',
    'value[value.a]',
    '}{',
  ])('gives up on %s', (source) => expect(read(source)).toBeNull())
})
