import { describe, expect, it } from 'vitest'
import { TextFile } from '../../src/core/expression.ts'
import { connectionOf, connectionWith } from './broken-connections.ts'
import { load, problemsOf, type Surroundings } from './load-file.ts'

const secrets = { PASSWORD: 'hunter2', KEY: '-----BEGIN PRIVATE KEY-----\nAAAA' }

function connection(lines: readonly string[], surroundings: Surroundings = { secrets }) {
  return load(connectionWith(...lines), surroundings).spec.connections.get('prod')
}

describe('a connection of a pipeline file', () => {
  it('has its brokers with ports, once each', () => {
    expect(connection(['brokers: [a, "b:9093", "[::1]:9094", a:9092]'])?.settings).toEqual({
      brokers: ['a:9092', 'b:9093', '[::1]:9094'],
      tls: false,
      allow_plaintext_password: false,
    })
    expect(connection(['brokers: a'])?.settings).toMatchObject({ brokers: ['a:9092'] })
  })

  it('has certificates as files, or as text where that is what stands there', () => {
    const { settings } = connection(
      [
        'brokers: a',
        'tls:',
        '  ca: ./ca.pem',
        '  cert: ./client.pem',
        '  key: ${secret:KEY}',
        '  server_name: kafka.example.com',
        'sasl: { mechanism: scram-sha-256, username: "${USER}", password: "${secret:PASSWORD}" }',
      ],
      { secrets, environment: { USER: 'u' } },
    )!
    expect(settings.tls).toEqual({
      ca: new TextFile('./ca.pem'),
      cert: new TextFile('./client.pem'),
      key: secrets.KEY,
      server_name: 'kafka.example.com',
      insecure_skip_verify: false,
    })
    expect(settings).toMatchObject({
      sasl: { mechanism: 'scram-sha-256', username: 'u', password: 'hunter2' },
    })
  })

  it.each([
    ['scram-sha-512', []],
    ['plain', ['tls: true']],
    ['plain', ['tls: { ca: ./ca.pem }']],
    ['plain', ['allow_plaintext_password: true']],
  ])('may prove a password by %s with %j', (mechanism, more) => {
    const sasl = `sasl: { mechanism: ${mechanism}, username: u, password: "\${secret:PASSWORD}" }`
    expect(problemsOf(connectionWith('brokers: a', sasl, ...more), { secrets })).toEqual([])
  })

  it('never sends a password unencrypted unless that is allowed', () => {
    const sasl = 'sasl: { mechanism: plain, username: u, password: "${secret:PASSWORD}" }'
    const problems = problemsOf(connectionWith('brokers: a', 'tls: false', sasl), { secrets })
    expect(problems).toMatchObject([{ line: 7, column: 26, code: 'CONFIG_INVALID' }])
    expect(problems[0]!.message).toMatch(/unencrypted.*"tls: true".*allow_plaintext_password/)
  })

  it('needs its secrets only where the log is reached by it', () => {
    const text = connectionWith(
      'brokers: ${BROKERS}',
      'sasl: { mechanism: scram-sha-512, username: u, password: "${secret:PASSWORD}" }',
      'tls: ${TLS}',
    )
    const chosen = `log: { kafka: prod }\n${text}`
    const missing = problemsOf(chosen).map(({ line, message }) => `${line}: ${message}`)
    expect(missing).toEqual([
      '6: the environment variable BROKERS is not set',
      '7: the secret PASSWORD is not set',
      '8: the environment variable TLS is not set',
    ])
    expect(problemsOf(text)).toEqual([])
    expect(problemsOf(chosen, { ignoresLog: true })).toEqual([])
  })

  it('lets nobody reach into other objects by its name', () => {
    const text = connectionWith('brokers: a').replace('  prod:', '  __proto__:')
    expect(problemsOf(text)).toMatchObject([{ line: 3, code: 'CONFIG_YAML' }])
  })

  it('is left out where its name says that it is ignored', () => {
    const text = connectionWith('brokers: a').replace('  prod:', '  x-prod:')
    expect(load(text).spec.connections.size).toBe(0)
  })
})

describe('a connection to PostgreSQL', () => {
  const postgres = (...lines: string[]) =>
    load(connectionOf('postgres', ...lines), { secrets }).spec.connections.get('prod')

  it('needs a database and a user only', () => {
    expect(postgres('database: d', 'user: u')).toEqual({
      type: 'postgres',
      settings: {
        host: 'localhost',
        port: 5432,
        database: 'd',
        user: 'u',
        tls: false,
        allow_plaintext_password: false,
        application_name: 'millrace',
        connect_timeout: 10_000,
      },
      path: ['connections', 'prod', 'postgres'],
    })
  })

  it.each(['db.example.com', '10.0.0.1', '::1', '/run/postgresql'])('has the host %s', (host) => {
    const settings = [`host: "${host}"`, 'database: d', 'user: u', 'password: "${secret:PASSWORD}"']
    expect(postgres(...settings)?.settings).toMatchObject({ host, password: 'hunter2' })
  })

  it('has an address in brackets without them', () => {
    expect(postgres('host: "[::1]"', 'database: d', 'user: u')?.settings).toMatchObject({
      host: '::1',
    })
  })
})

describe('the host of a server', () => {
  it('shows no password that was put into it', () => {
    const text = connectionOf('postgres', 'host: u:hunter2@a', 'database: d', 'user: u')
    const [problem, ...others] = problemsOf(text)
    expect(problem).toMatchObject({ line: 5, code: 'CONFIG_INVALID' })
    expect(JSON.stringify(problem)).not.toContain('hunter2')
    expect(others).toEqual([])
  })
})

describe('a connection to RabbitMQ', () => {
  const rabbitmq = (...lines: string[]) =>
    load(connectionOf('rabbitmq', 'user: u', 'password: "${secret:PASSWORD}"', ...lines), {
      secrets,
    }).spec.connections.get('prod')

  it('has the usual port and virtual host', () => {
    expect(rabbitmq()?.settings).toMatchObject({ host: 'localhost', port: 5672, vhost: '/' })
  })

  it('has another port with TLS', () => {
    expect(rabbitmq('host: a', 'tls: true')?.settings).toMatchObject({ port: 5671 })
    expect(rabbitmq('host: a', 'tls: true', 'port: 1')?.settings).toMatchObject({ port: 1 })
  })

  it('may send its password in the open where that is allowed', () => {
    const settings = rabbitmq('host: a', 'allow_plaintext_password: true')?.settings
    expect(settings).toMatchObject({ host: 'a', password: 'hunter2' })
  })
})

describe('the log of a pipeline file', () => {
  const logOf = (log: string) => load(`log: ${log}\n${connectionWith('brokers: a')}`).spec.log

  it('is embedded, a cluster by its address, or a connection', () => {
    expect(logOf('embedded')).toBe('embedded')
    expect(logOf('kafka://a:9092,b')).toBe('kafka://a:9092,b')
    expect(logOf('{ kafka: prod }')).toEqual({ connection: 'prod' })
  })

  it('shows no password that was put into its address', () => {
    const [problem] = problemsOf(`log: kafka://u:hunter2@a\n${connectionWith('brokers: a')}`)
    expect(problem?.message).not.toContain('hunter2')
  })
})

describe('delivery', () => {
  const stages = (defaults: string) =>
    load(
      `pipeline: p\n${defaults}stages:\n  - { name: a, from: a, to: b }\n  - { name: b, from: b, to: c, delivery: exactly_once }\n`,
    ).spec.stages.map(({ delivery }) => delivery)

  it('is exactly once, what the defaults say, or what the stage says', () => {
    expect(stages('')).toEqual(['exactly_once', 'exactly_once'])
    expect(stages('defaults: { delivery: at_least_once }\n')).toEqual([
      'at_least_once',
      'exactly_once',
    ])
  })
})

describe('a compacted topic', () => {
  it('has no retention, and takes copies as other topics do', () => {
    const text =
      'pipeline: p\ntopics:\n  a: { cleanup: compact, replication: 3 }\nstages:\n  - { name: a, from: a, to: b }\n'
    expect(load(text).spec.topics.get('a')).toEqual({
      partitions: 4,
      retentionMs: null,
      cleanup: 'compact',
      replication: 3,
    })
  })
})
