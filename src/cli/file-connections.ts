import type { Connection } from '../core/connection-name.ts'
import type { ConnectionTls } from '../core/connection-tls.ts'
import { PipelineError } from '../core/errors.ts'
import { TextFile } from '../core/expression.ts'
import type { KafkaConnection } from '../core/kafka-connection.ts'
import type { ConnectionSpec, PipelineSpec } from '../spec/pipeline-spec.ts'

/** A pipeline file, as far as the choice of a log goes. */
export interface ChoosingFile {
  readonly spec: Pick<PipelineSpec, 'log' | 'connections'>
  readonly shown: string
}

type TlsSetting = ConnectionSpec['settings']['tls']

/**
 * A connection of a pipeline file; its files have been read.
 * @throws PipelineError CONFIG_FILE
 */
export function connectionOf(spec: ConnectionSpec): Connection {
  const tls = tlsOf(spec.settings.tls)
  switch (spec.type) {
    case 'kafka': {
      const { brokers, sasl, allow_plaintext_password: allowPlaintextPassword } = spec.settings
      return {
        type: 'kafka',
        settings: { brokers, tls, sasl: sasl ?? null, allowPlaintextPassword },
      }
    }
    case 'postgres': {
      const { host, port, database, user, password } = spec.settings
      return {
        type: 'postgres',
        settings: {
          host,
          port,
          database,
          user,
          password: password ?? null,
          tls,
          allowPlaintextPassword: spec.settings.allow_plaintext_password,
          applicationName: spec.settings.application_name,
          connectTimeoutMs: spec.settings.connect_timeout,
        },
      }
    }
    case 'rabbitmq': {
      const { host, port, vhost, user, password } = spec.settings
      return {
        type: 'rabbitmq',
        settings: {
          host,
          port,
          vhost,
          user,
          password,
          tls,
          connectionName: spec.settings.connection_name,
          heartbeatMs: spec.settings.heartbeat,
          connectTimeoutMs: spec.settings.connect_timeout,
        },
      }
    }
  }
}

/**
 * The Kafka cluster that the log of a file is to be; its files have been read.
 * @throws PipelineError CONFIG_USAGE, CONFIG_FILE
 */
export function clusterOfFile({ spec, shown }: ChoosingFile, name: string): KafkaConnection {
  const found = spec.connections.get(name)
  const connection = found === undefined ? null : connectionOf(found)
  if (connection?.type === 'kafka') return connection.settings
  const message = `${shown} has no connection "${name}" to a Kafka cluster`
  throw new PipelineError('CONFIG_USAGE', message)
}

function tlsOf(setting: TlsSetting): ConnectionTls | null {
  if (setting === false) return null
  const given = setting === true ? null : setting
  return {
    ca: pemOf(given?.ca),
    cert: pemOf(given?.cert),
    key: pemOf(given?.key),
    serverName: given?.server_name ?? null,
    insecureSkipVerify: given?.insecure_skip_verify ?? false,
  }
}

function pemOf(setting: TextFile | string | undefined): string | null {
  if (setting === undefined) return null
  return setting instanceof TextFile ? assertPem(setting.text, setting.path) : setting
}

/** @throws PipelineError CONFIG_FILE */
export function assertPem(text: string, path: string): string {
  if (text.includes('-----BEGIN ')) return text
  throw new PipelineError(
    'CONFIG_FILE',
    `${path} is no PEM file: there is no "-----BEGIN" in it; convert it, for instance with openssl`,
  )
}
