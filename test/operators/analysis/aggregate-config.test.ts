import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  aggregateConfig,
  groupingOf,
  outputNames,
} from '../../../src/operators/analysis/aggregate-config.ts'

const window = { tumbling: '10s' }
const fields = { orders: 'count()' }

function problems(config: unknown): string[] {
  const parsed = aggregateConfig.safeParse(config)
  if (parsed.success) return []
  return parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
}

describe('the setting of aggregate', () => {
  it('needs only its fields; a window has no grace and closes at the end', () => {
    expect(aggregateConfig.parse({ fields })).toMatchObject({ at_end: 'close' })
    expect(aggregateConfig.parse({ window, fields }).window).toMatchObject({
      tumbling: 10_000,
      grace: 0,
    })
    expect(problems({ window, by: 'key', fields, emit: 'on_close', at_end: 'keep' })).toEqual([])
    expect(problems({ by: 'key', fields, every: '250ms' })).toEqual([])
  })

  it('names what goes out: bounds of the window, groups, fields', () => {
    const names = (config: unknown) => outputNames(aggregateConfig.parse(config))
    expect(names({ fields })).toEqual(['orders'])
    expect(names({ window, by: 'value.country', fields })).toEqual([
      'window_start',
      'window_end',
      'country',
      'orders',
    ])
    expect(names({ by: ['key', 'value.a.b'], fields })).toEqual(['key', 'b', 'orders'])
    expect(names({ by: { month: 'value.ts', n: 5 }, fields })).toEqual(['month', 'n', 'orders'])
  })

  it('knows the form of by, which the key of the results follows', () => {
    const form = (by: unknown) => groupingOf(aggregateConfig.parse({ by, fields }).by).form
    expect(form(undefined)).toBe('none')
    expect(form('value.country')).toBe('one')
    expect(form(['value.country'])).toBe('list')
    expect(form({ country: 'value.country' })).toBe('map')
  })

  it('asks for a name where the expression has none of its own', () => {
    const expected = 'give upper(value.country) a name: by: { name: upper(value.country) } as a map'
    expect(problems({ by: 'upper(value.country)', fields })).toEqual([`by: ${expected}`])
    expect(problems({ by: ['key', 'upper(value.country)'], fields })).toEqual([`by.1: ${expected}`])
    for (const by of ['value', 'value[0]', 'headers.a', 5, null, "'NL'", 'value.constructor']) {
      expect(problems({ by, fields })[0]).toContain('give')
    }
  })

  it('refuses one name for two things', () => {
    expect(problems({ by: ['value.a.id', 'value.b.id'], fields })).toEqual([
      'by.1: the name id is taken by value.a.id',
    ])
    expect(problems({ by: 'value.orders', fields })).toEqual([
      'fields.orders: the name is taken by value.orders',
    ])
    expect(problems({ window, fields: { window_end: 'count()' } })).toEqual([
      'fields.window_end: the name is taken by the bounds of the window',
    ])
    expect(problems({ window, by: 'value.window_start', fields })).toHaveLength(1)
    expect(problems({ fields: { window_end: 'count()' } })).toEqual([])
  })

  it('refuses names that are no plain field', () => {
    for (const name of ['', 'a.b', 'a b', 'a[0]', 'constructor', 'prototype']) {
      expect(problems({ fields: { [name]: 'count()' } })).not.toEqual([])
      expect(problems({ by: { [name]: 'value.x' }, fields })).not.toEqual([])
    }
    expect(problems(JSON.parse('{ "fields": { "__proto__": "count()" } }'))).not.toEqual([])
  })

  it('says what is not supported yet', () => {
    expect(
      problems({ window: { ...window, hopping: { size: '1m', every: '10s' } }, fields }),
    ).toEqual(['window.hopping: a hopping window is not supported yet; use tumbling'])
    expect(problems({ window: { session: { gap: '1m' } }, fields })).toContain(
      'window.session: a session window is not supported yet; use tumbling',
    )
    expect(problems({ window, fields, emit: 'on_update' })).toEqual([
      'emit: emitting a window before it closes is not supported yet; use on_close',
    ])
  })

  it('refuses settings that would do nothing', () => {
    expect(problems({ window, fields, every: '5s' })[0]).toContain('every')
    expect(problems({ fields, emit: 'on_close' })[0]).toContain('emit')
    expect(problems({ fields, at_end: 'keep' })[0]).toContain('at_end')
    expect(problems({ fields: {} })[0]).toContain('name at least one field')
    expect(problems({ by: [], fields })).not.toEqual([])
  })

  it('refuses windows that are no whole milliseconds', () => {
    for (const tumbling of ['0s', '500us', '1.5ms', '10', 10]) {
      expect(problems({ window: { tumbling }, fields })).not.toEqual([])
    }
    expect(problems({ fields, every: '0s' })).not.toEqual([])
  })

  it('has a schema for editors, in which every field is described', () => {
    const schema = z.toJSONSchema(aggregateConfig, { io: 'input' })
    expect(schema.required).toEqual(['fields'])
    for (const property of Object.values(schema.properties ?? {})) {
      expect(property).toHaveProperty('description')
    }
    const inner = z.toJSONSchema(aggregateConfig.shape.window.unwrap(), { io: 'input' }).properties!
    for (const property of Object.values(inner)) expect(property).toHaveProperty('description')
    expect(inner['grace']).toHaveProperty('default', '0s')
  })
})
