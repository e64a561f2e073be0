import { describe, expect, it } from 'vitest'
import { ConnectionName } from '../../../src/core/connection-name.ts'
import { postgresSource } from '../../../src/endpoints/sources/postgres.ts'
import { anEnvironment } from '../endpoint-fixture.ts'

const parse = (config: Readonly<Record<string, unknown>>) =>
  postgresSource.config.safeParse({ connection: 'db', cursor: 'id', ...config })

describe('the settings of the source postgres', () => {
  it('take a table or a query, of which an end mark is left out', () => {
    expect(parse({ table: 'a.b' }).data).toMatchObject({ table: { schema: 'a', name: 'b' } })
    expect(parse({ query: 'SELECT 1 ;\n; ' }).data).toMatchObject({ query: 'SELECT 1' })
    expect(parse({ query: 'SELECT 1', cursor: ['a', 'b'] }).data?.cursor).toEqual(['a', 'b'])
  })

  it.each([
    [{}, 'name either a "query" or a "table"'],
    [{ table: 'a', query: 'SELECT 1' }, 'name either a "query" or a "table"'],
    [{ query: ' ; ' }, 'there is no query'],
    [{ table: 'a', cursor: ['id', 'id'] }, 'a column stands there twice'],
    [{ table: 'a', max_record: '2GiB' }, 'max_record lies between 1B and 1GiB'],
  ])('refuse %j', (config, problem) => {
    expect(parse(config).error?.issues.map(({ message }) => message)).toContain(problem)
  })
})

describe('a position of the source postgres', () => {
  it('of another cursor is refused', () => {
    const setting = {
      ...parse({ table: 'a' }).data!,
      connection: new ConnectionName('postgres', 'db'),
    }
    const positions = new Map([['rows', { columns: ['at', 'id'], values: ['x', '1'] }]])
    expect(() => postgresSource.create(setting, anEnvironment(), positions)).toThrow(
      /stands behind a row by at, id, and its cursor is id now/,
    )
  })
})
