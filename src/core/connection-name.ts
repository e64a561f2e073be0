import { invariant } from './errors.ts'
import type { KafkaConnection } from './kafka-connection.ts'

/**
 * A server of `connections:` in a pipeline file, by its name. Bound to how it is reached before sources
 * and sinks are created; one connection is one object, however often it is named.
 */
export class ConnectionName {
  readonly name: string
  #kafka: KafkaConnection | null = null

  constructor(name: string) {
    this.name = name
  }

  bind(connection: KafkaConnection): void {
    this.#kafka = connection
  }

  get kafka(): KafkaConnection {
    invariant(this.#kafka !== null, `the connection ${this.name} was not bound`)
    return this.#kafka
  }
}
