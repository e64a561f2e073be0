import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { runCommand } from '../../kafka/broker/run-command.ts'
import { describeWithPostgres, sharedPostgres } from '../describe-with-postgres.ts'
import { runSql } from '../postgres-server.ts'
import { eventually, kill, stop, SuitePipeline } from '../suite-pipeline.ts'

const { host, port, database, user, password } = sharedPostgres

/** What a user sees who asks by PostgreSQL's own client. */
async function psql(statement: string): Promise<string[]> {
  const { code, stdout, stderr } = await runCommand(
    'psql',
    ['-h', host, '-p', String(port), '-U', user, '-d', database, '-At', '-c', statement],
    { env: { PGPASSWORD: password } },
  )
  if (code !== 0) throw new Error(stderr)
  return stdout.split('\n').slice(0, -1)
}

function environment(): Record<string, string> {
  const of = (name: string) => ({
    [`${name}_HOST`]: host,
    [`${name}_PORT`]: String(port),
    [`${name}_DATABASE`]: database,
    [`${name}_USER`]: user,
    [`${name}_PASSWORD`]: password,
  })
  return { ...of('SHOP'), ...of('WAREHOUSE'), SETTLE: '100ms', EVERY: '50ms' }
}

describeWithPostgres('the example pipelines/etl-postgres.yaml', () => {
  let pipeline: SuitePipeline

  beforeEach(async () => {
    await runSql(
      sharedPostgres,
      `CREATE SCHEMA shop;
      CREATE TABLE shop.orders (id bigint PRIMARY KEY, customer text, country text,
        amount numeric(12, 2), state text, updated_at timestamptz NOT NULL DEFAULT now());
      CREATE TABLE orders (id bigint PRIMARY KEY, customer text, country text,
        amount numeric(12, 2), state text, updated_at timestamptz);
      CREATE TABLE totals (country text PRIMARY KEY, orders bigint, revenue numeric)`,
    )
    const text = readFileSync('pipelines/etl-postgres.yaml', 'utf8')
    pipeline = new SuitePipeline(text, { env: environment() })
  })

  afterEach(async () => {
    pipeline.remove()
    await runSql(sharedPostgres, 'DROP SCHEMA shop CASCADE; DROP TABLE orders, totals')
  })

  it('keeps the warehouse as the shop is, also when it is killed and rows change', async () => {
    const totals = () => psql('SELECT country, orders, revenue FROM totals ORDER BY country')
    const states = () => psql('SELECT state, count(*) FROM orders GROUP BY 1 ORDER BY 1')
    await psql(
      `INSERT INTO shop.orders SELECT n, ' c' || n, CASE n % 2 WHEN 0 THEN ' nl' ELSE 'de' END,
        n + 0.25, CASE WHEN n <= 500 THEN 'paid' ELSE 'open' END FROM generate_series(1, 1000) n`,
    )
    const first = pipeline.start()
    await eventually('some orders', async () => (await states()).length > 0)
    await kill(first)
    const second = pipeline.start()
    const early = ['DE|250|62562.5', 'NL|250|62812.5']
    await eventually('the totals', async () => String(await totals()) === String(early))
    expect(await states()).toEqual(['open|500', 'paid|500'])

    await psql(
      `UPDATE shop.orders SET state = 'paid', updated_at = clock_timestamp() WHERE id > 400;
      INSERT INTO shop.orders VALUES (2000, 'x', 'nl', -1, 'paid')`,
    )
    const late = ['DE|500|250125', 'NL|500|250625']
    await eventually('the new totals', async () => String(await totals()) === String(late))
    await eventually('all states', async () => String(await states()) === 'paid|1000')
    expect((await stop(second)).code).toBe(0)
    const [row] = await psql(
      'SELECT id, length(customer), country, amount FROM orders WHERE id = 7',
    )
    expect(row).toBe('7|64|DE|7.25')
  })
})
