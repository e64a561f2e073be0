import type { z } from 'zod'
import { isPem } from '../core/connection-tls.ts'
import { kafkaSettings } from './kafka-connection-schema.ts'
import { postgresSettings } from './postgres-connection-schema.ts'
import { rabbitmqSettings } from './rabbitmq-connection-schema.ts'

/** What `connections:` can name. */
export const connectionDefinitions = [
  { type: 'kafka', summary: 'A Kafka cluster.', config: kafkaSettings() },
  { type: 'postgres', summary: 'A PostgreSQL server.', config: postgresSettings() },
  { type: 'rabbitmq', summary: 'A RabbitMQ server.', config: rabbitmqSettings() },
] as const

type Definition = (typeof connectionDefinitions)[number]

/** The settings of a connection as parsed; files in them are not yet read. */
export type ParsedConnection = {
  readonly [Type in Definition['type']]: {
    readonly type: Type
    readonly settings: z.output<Extract<Definition, { type: Type }>['config']>
  }
}[Definition['type']]

export interface SecretSetting {
  readonly path: readonly string[]
  readonly what: string
  /** Whether a text is the secret itself, and not where it lies. */
  readonly isSecret: (text: string) => boolean
}

const key: SecretSetting = { path: ['tls', 'key'], what: 'a private key', isSecret: isPem }

function passwordAt(...path: readonly string[]): SecretSetting {
  return { path, what: 'a password', isSecret: () => true }
}

/** Settings that must not stand in a file. */
export const secretSettings: Readonly<Record<Definition['type'], readonly SecretSetting[]>> = {
  kafka: [passwordAt('sasl', 'password'), key],
  postgres: [passwordAt('password'), key],
  rabbitmq: [passwordAt('password'), key],
}

/** What a connection of each type cannot do without, for hints. */
export const requiredSetting: Readonly<Record<Definition['type'], string>> = {
  kafka: 'brokers',
  postgres: 'database',
  rabbitmq: 'user',
}
