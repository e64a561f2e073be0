import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startPostgres, type PostgresServer } from '../endpoints/postgres-server.ts'
import type { Figure } from './run.ts'
import { timedFile } from './timed-run.ts'

const modes = ['insert', 'upsert'] as const

const ingest = `
  - name: ingest
    source:
      file:
        path: ./orders.ndjson
    to: orders.raw`

function save(mode: (typeof modes)[number]): string {
  return `
  - name: save
    from: orders.raw
    sink:
      postgres:
        connection: db
        table: orders
        mode: ${mode}`
}

const read = `
  - name: read
    source:
      postgres:
        connection: db
        table: orders
        cursor: order_id
        bounded: true
    to: orders.read`

/**
 * The orders of the reference workload through a PostgreSQL server on this machine, with fsync: from a topic
 * that holds all of them into a table with a primary key, and from that table into a topic.
 */
export async function benchPostgres(
  folder: string,
  { command, orders }: { command: string; orders: number },
): Promise<Figure[]> {
  const server = await startPostgres({ max_wal_size: '2GB' })
  try {
    const figures: Figure[] = []
    const run = (...stages: readonly string[]) => runStages(folder, { server, command, stages })
    for (const mode of modes) {
      await server.sql(`DROP TABLE IF EXISTS orders; ${ordersTable}`)
      await run(ingest)
      const { seconds, peakMb } = await run(ingest, save(mode))
      const rows = await server.sql('SELECT count(*)::int AS count FROM orders')
      const perSecond = Math.round(Number(rows[0]!['count']) / seconds)
      const value = `${perSecond} rows/s`
      figures.push({ what: `PostgreSQL sink, ${mode}`, value, aim: 'aim: 30,000/s' })
      figures.push({ what: '  peak memory', value: `${peakMb} MB`, aim: '' })
      rmSync(join(folder, dataFolder), { recursive: true })
    }
    const { seconds, peakMb } = await run(read)
    const value = `${Math.round(orders / seconds)} rows/s`
    figures.push({ what: 'PostgreSQL source, by its primary key', value, aim: '' })
    figures.push({ what: '  peak memory', value: `${peakMb} MB`, aim: '' })
    return figures
  } finally {
    await server.remove()
  }
}

const dataFolder = 'postgres-data'
const ordersTable = `CREATE TABLE orders (order_id text PRIMARY KEY, user_id text, email text,
  country text, amount text, currency text, items int, ts timestamptz, channel text, note text)`

interface Stages {
  readonly server: PostgresServer
  readonly command: string
  readonly stages: readonly string[]
}

async function runStages(folder: string, { server, command, stages }: Stages) {
  const { host, port, database, user, password } = server.address
  const file = join(folder, 'postgres.yaml')
  writeFileSync(
    file,
    `pipeline: orders
connections:
  db:
    postgres:
      host: ${host}
      port: ${port}
      database: ${database}
      user: ${user}
      password: \${secret:PASSWORD}
stages:${stages.join('')}
`,
  )
  const log = ['--data-dir', join(folder, dataFolder)]
  return timedFile({ command, file, log, env: { PASSWORD: password } })
}
