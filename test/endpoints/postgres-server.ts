import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  chownSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import pg from 'pg'
import { createSystemClock } from '../../src/clock/system-clock.ts'
import type { PostgresConnection } from '../../src/core/postgres-connection.ts'
import { freePorts } from '../kafka/broker/ports.ts'
import { lastLines } from '../kafka/broker/run-command.ts'
import { guardProcess } from './guard-process.ts'

/** Where Debian puts the programs of each version: they are not in the PATH. */
const debianFolder = '/usr/lib/postgresql'
const host = '127.0.0.1'
const database = 'postgres'
const user = 'tester'
const password = 'it\'s a "test" password'
const startTimeoutMs = 60_000
const pollMs = 50

const clock = createSystemClock()

/** This machine has no PostgreSQL. */
export class NoPostgresError extends Error {}

/** How clients reach a server; safe to hand to other processes. */
export interface PostgresAddress {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: string
}

/** How a server is stopped: `fast` ends sessions, `immediate` is a crash in an orderly manner, SIGKILL is one. */
const signals = { fast: 'SIGINT', immediate: 'SIGQUIT', kill: 'SIGKILL' } as const
export type PostgresStop = keyof typeof signals

interface Place {
  /** Data, settings and log of one server. */
  readonly folder: string
  readonly programs: string
  readonly port: number
  readonly identity: { readonly uid: number; readonly gid: number } | null
}

/**
 * Starts PostgreSQL of this machine on loopback, with a data folder of its own and fsync on.
 * @param settings of postgresql.conf.
 * @throws NoPostgresError where it is not installed.
 */
export async function startPostgres(
  settings: Readonly<Record<string, string>> = {},
): Promise<PostgresServer> {
  const programs = findPrograms()
  const [port] = await freePorts(1)
  const folder = mkdtempSync(join(tmpdir(), 'millrace-postgres-'))
  const place = { folder, programs, port: port!, identity: identityOf() }
  try {
    settle(place, settings)
    const server = new PostgresServer(place)
    await server.start()
    return server
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

/** The folder with `initdb` and `postgres`. */
function findPrograms(): string {
  const versions = existsSync(debianFolder) ? readdirSync(debianFolder) : []
  const newest = versions.toSorted((left, right) => Number(right) - Number(left))
  const folders = [
    ...newest.map((version) => join(debianFolder, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(delimiter),
  ]
  const found = folders.find((folder) =>
    ['initdb', 'postgres'].every((program) => existsSync(join(folder, program))),
  )
  if (found !== undefined) return found
  throw new NoPostgresError(
    'PostgreSQL is not installed; on Debian and Ubuntu: apt-get install postgresql',
  )
}

/** PostgreSQL refuses to run as root: another user then, who need not be able to log in. */
function identityOf(): Place['identity'] {
  if (process.getuid?.() !== 0) return null
  const name = /^postgres:/m.test(readFileSync('/etc/passwd', 'utf8')) ? 'postgres' : 'nobody'
  const id = (option: string) => Number(execFileSync('id', [option, name], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

function settle(
  { folder, programs, port, identity }: Place,
  settings: Readonly<Record<string, string>>,
): void {
  const passwordFile = join(folder, 'password')
  writeFileSync(passwordFile, password)
  if (identity !== null) {
    for (const path of [folder, passwordFile]) chownSync(path, identity.uid, identity.gid)
  }
  const data = join(folder, 'data')
  execFileSync(
    join(programs, 'initdb'),
    [
      ...['-D', data, '-U', user, '--pwfile', passwordFile],
      ...['-A', 'scram-sha-256', '-E', 'UTF8', '--no-locale', '--no-sync'],
    ],
    { ...identity, cwd: folder, stdio: 'pipe' },
  )
  const all = {
    listen_addresses: host,
    port: String(port),
    unix_socket_directories: folder,
    fsync: 'on',
    shared_buffers: '64MB',
    ...settings,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name} = '${value}'\n`)
  writeFileSync(join(data, 'postgresql.conf'), lines.join(''), { flag: 'a' })
}

/** A server of the test: it can be killed and comes back with its data. */
export class PostgresServer {
  readonly address: PostgresAddress
  readonly #place: Place
  #server: ChildProcess | null = null

  constructor(place: Place) {
    this.#place = place
    this.address = { host, port: place.port, database, user, password }
  }

  /** Starts it, on the data of before; resolves once it takes connections. */
  async start(): Promise<void> {
    const { folder, programs, identity } = this.#place
    const log = openSync(join(folder, 'server.log'), 'a')
    const server = spawn(join(programs, 'postgres'), ['-D', join(folder, 'data')], {
      ...identity,
      cwd: folder,
      stdio: ['ignore', log, log],
    })
    closeSync(log)
    this.#server = server
    if (server.pid !== undefined) server.once('exit', guardProcess(server.pid))
    const endUs = clock.monotonicUs() + 1_000 * startTimeoutMs
    while (!(await this.isUp())) {
      if (hasEnded(server)) throw new Error(`PostgreSQL has ended: ${this.#complaint()}`)
      if (clock.monotonicUs() > endUs) {
        const complaint = this.#complaint()
        throw new Error(`PostgreSQL does not answer after ${startTimeoutMs} ms: ${complaint}`)
      }
      await clock.sleep(pollMs)
    }
  }

  async isUp(): Promise<boolean> {
    return runSql(this.address, 'SELECT 1').then(
      () => true,
      () => false,
    )
  }

  /** The rows of the last statement. */
  async sql(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return runSql(this.address, text, values)
  }

  /** Kills, with SIGKILL, the process that serves a session of this name; the server recovers from that by itself. */
  async killBackend(applicationName: string): Promise<void> {
    const rows = await this.sql('SELECT pid FROM pg_stat_activity WHERE application_name = $1', [
      applicationName,
    ])
    for (const { pid } of rows) process.kill(Number(pid), 'SIGKILL')
  }

  /** SIGSTOP to every process of the server leaves its sockets open; SIGCONT goes on. */
  async freeze(signal: 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    const { pid } = this.#server!
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(/\s+/)
    for (const each of [pid!, ...children.filter((text) => text !== '').map(Number)]) {
      process.kill(each, signal)
    }
  }

  async stop(how: PostgresStop = 'fast'): Promise<void> {
    const server = this.#server
    if (server === null || hasEnded(server)) return
    const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()))
    server.kill(signals[how])
    await ended
  }

  async remove(): Promise<void> {
    await this.stop('kill')
    rmSync(this.#place.folder, { recursive: true, force: true })
  }

  #complaint(): string {
    return lastLines(readFileSync(join(this.#place.folder, 'server.log'), 'utf8'), 20)
  }
}

export type Row = Readonly<Record<string, unknown>>

export async function runSql(
  address: PostgresAddress,
  text: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client({ ...address, connectionTimeoutMillis: 5_000 })
  // Told by the promise as well.
  client.on('error', () => {})
  try {
    await client.connect()
    const result = (await client.query(text, [...values])) as
      | pg.QueryResult<Row>
      | pg.QueryResult<Row>[]
    return (Array.isArray(result) ? result.at(-1)?.rows : result.rows) ?? []
  } finally {
    await client.end().catch(() => {})
  }
}

/** As a connection of a pipeline file is bound. */
export function asConnection(
  address: PostgresAddress,
  more: Partial<PostgresConnection> = {},
): PostgresConnection {
  return {
    ...address,
    tls: null,
    allowPlaintextPassword: false,
    applicationName: 'millrace',
    connectTimeoutMs: 5_000,
    ...more,
  }
}

/** The folder of the programs, such as `psql`, of the server that tests start. */
export function postgresProgram(name: string): string {
  return join(dirname(join(findPrograms(), 'postgres')), name)
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null
}
