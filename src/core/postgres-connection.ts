import type { ConnectionTls } from './connection-tls.ts'

/** How a PostgreSQL server is reached, with all secrets filled in and all files read. */
export interface PostgresConnection {
  /** A host, or with a `/` in front the folder of the server's Unix socket. */
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  /** null: the server knows the user by a certificate, or trusts the address. */
  readonly password: string | null
  readonly tls: ConnectionTls | null
  /** Whether the server may ask for the password as it is where others could read it. */
  readonly allowPlaintextPassword: boolean
  /** How the server's views and log call this client. */
  readonly applicationName: string
  readonly connectTimeoutMs: number
}
