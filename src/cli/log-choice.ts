import type { Clock } from '../core/clock.ts'
import type { KafkaConnection } from '../core/kafka-connection.ts'
import type { Log } from '../core/log.ts'

/** What a command works on. The data directory of a Kafka log holds nothing that the cluster has not. */
export type LogChoice =
  | { readonly kind: 'embedded'; readonly dataDir: string }
  | {
      readonly kind: 'kafka'
      readonly dataDir: string
      readonly connection: KafkaConnection
      readonly named: NamedBy
    }

/** What a user has named the cluster by: the name of a connection in a file, or where the address stands. */
export type NamedBy =
  | { readonly connection: string }
  | { readonly address: '--log' | 'MILLRACE_LOG' | '"log"' }

export interface OpenLogOptions {
  /** Only to look: nothing is written, and whoever writes is not disturbed. */
  readonly readOnly: boolean
  /** For what users should know while all goes on. */
  readonly notice: (message: string) => void
}

/** Opens the log that was chosen; `src/main.ts` makes it, since commands know of no Kafka client. */
export type OpenLog = (choice: LogChoice, options: OpenLogOptions) => Promise<Log>

/** What the opener of a Kafka log gets: the same, with the data directory as an absolute path. */
export interface OpenKafkaLogOptions extends OpenLogOptions {
  readonly connection: KafkaConnection
  /** How messages call a setting of the connection, such as `brokers` or `tls.ca`. */
  readonly nameSetting: (setting: string) => string
  /** For what can be made again from the cluster, such as a cache of state. */
  readonly directory: string
  readonly clock: Clock
}
export type OpenKafkaLog = (options: OpenKafkaLogOptions) => Promise<Log>
