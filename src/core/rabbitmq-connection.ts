import type { ConnectionTls } from './connection-tls.ts'

/** How a RabbitMQ server is reached, with all secrets filled in and all files read. */
export interface RabbitmqConnection {
  readonly host: string
  readonly port: number
  readonly vhost: string
  readonly user: string
  readonly password: string
  readonly tls: ConnectionTls | null
  /** How the server's management calls this client. */
  readonly connectionName: string
  /** Either side ends a connection that was silent for twice as long; 0: never. */
  readonly heartbeatMs: number
  readonly connectTimeoutMs: number
}
