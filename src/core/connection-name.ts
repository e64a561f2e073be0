import { invariant } from './errors.ts'
import type { KafkaConnection } from './kafka-connection.ts'
import type { PostgresConnection } from './postgres-connection.ts'
import type { RabbitmqConnection } from './rabbitmq-connection.ts'

/** How servers of each type of `connections:` are reached. */
export interface ConnectionSettings {
  readonly kafka: KafkaConnection
  readonly postgres: PostgresConnection
  readonly rabbitmq: RabbitmqConnection
}
export type ConnectionType = keyof ConnectionSettings

/** A connection of a pipeline file, with all secrets filled in and all files read. */
export type Connection = {
  readonly [Type in ConnectionType]: {
    readonly type: Type
    readonly settings: ConnectionSettings[Type]
  }
}[ConnectionType]

/**
 * A server of `connections:` in a pipeline file, by its name. Bound to how it is reached before sources
 * and sinks are created; one connection is one object, however often it is named.
 */
export class ConnectionName<Type extends ConnectionType = ConnectionType> {
  readonly type: Type
  readonly name: string
  #settings: ConnectionSettings[Type] | null = null

  constructor(type: Type, name: string) {
    this.type = type
    this.name = name
  }

  bind(settings: ConnectionSettings[Type]): void {
    this.#settings = settings
  }

  get settings(): ConnectionSettings[Type] {
    invariant(this.#settings !== null, `the connection ${this.name} was not bound`)
    return this.#settings
  }
}
