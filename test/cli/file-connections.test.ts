import { describe, expect, it } from 'vitest'
import { clusterOfFile, connectionOf } from '../../src/cli/file-connections.ts'
import { TextFile } from '../../src/core/expression.ts'
import { connectionOf as fileWith } from '../spec/broken-connections.ts'
import { load } from '../spec/load-file.ts'

const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n'
const secrets = { PASSWORD: 'hunter2', KEY: '-----BEGIN PRIVATE KEY-----\nAAAA' }

function specOf(type: string, ...lines: string[]) {
  const { spec } = load(fileWith(type, ...lines), { secrets })
  return { spec, connection: spec.connections.get('prod')! }
}

describe('a connection of a file', () => {
  it('to PostgreSQL has its secrets and the texts of its files', () => {
    const { connection } = specOf(
      'postgres',
      'host: db.example.com',
      'database: d',
      'user: u',
      'password: "${secret:PASSWORD}"',
      'tls: { ca: ./ca.pem, cert: "-----BEGIN CERTIFICATE-----", key: "${secret:KEY}" }',
    )
    const { tls } = connection.settings
    if (typeof tls === 'object' && tls.ca instanceof TextFile) tls.ca.bind(pem)
    expect(connectionOf(connection)).toEqual({
      type: 'postgres',
      settings: {
        host: 'db.example.com',
        port: 5432,
        database: 'd',
        user: 'u',
        password: 'hunter2',
        tls: {
          ca: pem,
          cert: '-----BEGIN CERTIFICATE-----',
          key: secrets.KEY,
          serverName: null,
          insecureSkipVerify: false,
        },
        allowPlaintextPassword: false,
        applicationName: 'millrace',
        connectTimeoutMs: 10_000,
      },
    })
  })

  it('to RabbitMQ has the usual port of TLS', () => {
    const { connection } = specOf(
      'rabbitmq',
      'host: a',
      'user: u',
      'password: "${secret:PASSWORD}"',
      'tls: true',
    )
    expect(connectionOf(connection)).toEqual({
      type: 'rabbitmq',
      settings: {
        host: 'a',
        port: 5671,
        vhost: '/',
        user: 'u',
        password: 'hunter2',
        tls: { ca: null, cert: null, key: null, serverName: null, insecureSkipVerify: false },
        connectionName: 'millrace',
        heartbeatMs: 10_000,
        connectTimeoutMs: 10_000,
      },
    })
  })

  it('is no log unless it leads to a Kafka cluster', () => {
    const { spec } = specOf('postgres', 'database: d', 'user: u')
    for (const name of ['prod', 'prdo']) {
      expect(() => clusterOfFile({ spec, shown: 'p.yaml' }, name)).toThrow(
        `p.yaml has no connection "${name}" to a Kafka cluster`,
      )
    }
  })

  it('refuses a certificate that is none', () => {
    const { connection } = specOf('postgres', 'database: d', 'user: u', 'tls: { ca: ./ca.der }')
    const { tls } = connection.settings
    if (typeof tls === 'object' && tls.ca instanceof TextFile) tls.ca.bind('\0\x01')
    expect(() => connectionOf(connection)).toThrow(/ca\.der is no PEM file/)
  })
})
