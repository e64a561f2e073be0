import { describe, expect, it } from 'vitest'
import { postgresSink } from '../../../src/endpoints/sinks/postgres.ts'

const parse = (config: Readonly<Record<string, unknown>>) =>
  postgresSink.config.safeParse({ connection: 'db', table: 'orders', ...config })

function problems(config: Readonly<Record<string, unknown>>): string[] {
  return (
    parse(config).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? []
  )
}

describe('the settings of the sink postgres', () => {
  it('take a table with a schema, also one with points in its name', () => {
    expect(parse({}).data?.table).toEqual({ schema: null, name: 'orders' })
    expect(parse({ table: 'a.b' }).data?.table).toEqual({ schema: 'a', name: 'b' })
    expect(parse({ table: ['a.b', 'c.d'] }).data?.table).toEqual({ schema: 'a.b', name: 'c.d' })
    expect(parse({}).data?.positions).toEqual({ schema: null, name: 'millrace_positions' })
  })

  it.each(['', 'a.b.c', '.a', 'a.', 'a\0b'])('take no table %j', (table) => {
    expect(parse({ table }).success).toBe(false)
  })

  it.each([
    [{ conflict: { by: ['id'] } }, 'conflict: "conflict" is a setting of "mode: upsert"'],
    [{ delete_on_null: true }, 'delete_on_null: "delete_on_null" is a setting of "mode: upsert"'],
    [{ columns: {} }, 'columns: there is no column'],
  ])('refuse %j', (config, problem) => {
    expect(problems(config)).toEqual([problem])
  })

  it('refuse names that the server would cut off', () => {
    expect(parse({ columns: { ['é'.repeat(31)]: 'key' } }).success).toBe(true)
    expect(parse({ columns: { ['é'.repeat(32)]: 'key' } }).success).toBe(false)
  })
})

describe('the guarantee of the sink postgres', () => {
  const guaranteeOf = (config: Readonly<Record<string, unknown>>) =>
    postgresSink.guarantee!(parse(config).data!)

  it('is effectively once with positions, and at least once without', () => {
    expect(guaranteeOf({})).toMatchObject({ guarantee: 'effectively_once', afterCrash: null })
    expect(guaranteeOf({ positions: false })).toMatchObject({ guarantee: 'at_least_once' })
  })
})
