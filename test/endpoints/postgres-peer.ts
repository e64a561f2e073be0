import type { PostgresConnection } from '../../src/core/postgres-connection.ts'
import { runSql, type PostgresAddress, type Row } from './postgres-server.ts'
import { TcpProxy } from './tcp-proxy.ts'

let made = 0

/** The shared server behind a proxy of its own, with a table that only this test knows. */
export class PostgresPeer {
  readonly table: string
  readonly #address: PostgresAddress
  readonly #proxy: TcpProxy

  private constructor(address: PostgresAddress, proxy: TcpProxy) {
    this.#address = address
    this.#proxy = proxy
    made += 1
    this.table = `t${process.pid}_${made}`
  }

  /** @param columns of the table, as SQL. */
  static async open(address: PostgresAddress, columns: string): Promise<PostgresPeer> {
    const peer = new PostgresPeer(address, await TcpProxy.start(address))
    await peer.sql(`CREATE TABLE ${peer.table} (${columns})`)
    return peer
  }

  /** Lines of `connections:`; the connection is called `db`. */
  get connections(): string[] {
    const { database, user } = this.#address
    return [
      'db:',
      '  postgres:',
      `    host: ${this.#proxy.host}`,
      `    port: ${this.#proxy.port}`,
      `    database: ${database}`,
      `    user: ${user}`,
      '    password: ${secret:PASSWORD}',
      `    application_name: ${this.table}`,
    ]
  }

  get env(): Record<string, string> {
    return { PASSWORD: this.#address.password }
  }

  get connection(): PostgresConnection {
    return {
      ...this.#address,
      host: this.#proxy.host,
      port: this.#proxy.port,
      tls: null,
      allowPlaintextPassword: false,
      applicationName: this.table,
      connectTimeoutMs: 5_000,
    }
  }

  /** Past the proxy. */
  async sql(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return runSql(this.#address, text, values)
  }

  away(): void {
    this.#proxy.away()
  }

  back(): void {
    this.#proxy.back()
  }

  silent(): void {
    this.#proxy.silent()
  }

  async remove(): Promise<void> {
    await this.#proxy.close()
    await this.sql(`DROP TABLE IF EXISTS ${this.table}`)
  }
}
