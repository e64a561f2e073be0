import type { BrokenFile } from './broken-file.ts'

const stages = ['stages:', '  - name: s', '    from: a', '    to: b']

/** A file whose connection `prod` to Kafka has these settings, from line 5 on, indented by six. */
export function connectionWith(...lines: readonly string[]): string {
  return connectionOf('kafka', ...lines)
}

/** The same for a server of another type. */
export function connectionOf(type: string, ...lines: readonly string[]): string {
  const settings = lines.map((line) => `      ${line}`)
  return ['pipeline: p', 'connections:', '  prod:', `    ${type}:`, ...settings, ...stages].join(
    '\n',
  )
}

const withLog = (log: string, ...more: readonly string[]): string =>
  ['pipeline: p', `log: ${log}`, ...more, ...stages].join('\n')

/** Where topics live, and how servers are reached. */
export const brokenConnections: readonly BrokenFile[] = [
  {
    rule: 'a Kafka log without brokers',
    text: withLog('kafka://'),
    found: [['2:6', 'CONFIG_INVALID', 'kafka://HOST:PORT']],
  },
  {
    rule: 'a Kafka log with something behind its brokers',
    text: withLog('kafka://a:9092/topic'),
    found: [['2:6', 'CONFIG_INVALID', 'nothing follows the addresses']],
  },
  {
    rule: 'a port that is none',
    text: withLog('kafka://a:9092,b:99999'),
    found: [['2:6', 'CONFIG_INVALID', '"b:99999" is no address of a broker']],
  },
  {
    rule: 'a password in the address of the log',
    text: withLog('kafka://user:hunter2@a:9092'),
    found: [['2:6', 'CONFIG_INVALID', 'no user and password']],
  },
  {
    rule: 'a log by a name that nothing has',
    text: withLog('{ kafka: prdo }', 'connections:', '  prod: { kafka: { brokers: a } }'),
    found: [['2:15', 'CONFIG_INVALID', '"prdo"; did you mean "prod"?', 'under "connections:"']],
  },
  {
    rule: 'a log of another kind by name',
    text: withLog('{ redis: prod }'),
    found: [
      ['2:6', 'CONFIG_INVALID', '"kafka" is missing'],
      ['2:8', 'CONFIG_UNKNOWN_KEY', '"redis"'],
    ],
  },
  {
    rule: 'a log that is no Kafka cluster',
    text: `log: { kafka: prod }\n${connectionOf('postgres', 'database: d', 'user: u')}`,
    found: [['1:15', 'CONFIG_INVALID', '"prod" is of type postgres', 'type kafka is needed']],
  },
  {
    rule: 'a connection to PostgreSQL without a database and a user',
    text: connectionOf('postgres', 'host: a'),
    found: [
      ['5:7', 'CONFIG_INVALID', '"database" is missing'],
      ['5:7', 'CONFIG_INVALID', '"user" is missing'],
    ],
  },
  {
    rule: 'a password of PostgreSQL that stands in the file',
    text: connectionOf('postgres', 'database: d', 'user: u', 'password: hunter2'),
    found: [['7:17', 'CONFIG_INVALID', '${secret:NAME}', 'secrets folder']],
  },
  {
    rule: 'a private key for PostgreSQL that stands in the file',
    text: connectionOf(
      'postgres',
      'database: d',
      'user: u',
      'tls: { cert: ./c.pem, key: "-----BEGIN PRIVATE KEY-----" }',
    ),
    found: [['7:34', 'CONFIG_INVALID', 'a private key', '${secret:NAME}']],
  },
  {
    rule: 'a certificate for PostgreSQL without its key',
    text: connectionOf('postgres', 'database: d', 'user: u', 'tls: { cert: ./client.pem }'),
    found: [['7:12', 'CONFIG_INVALID', '"key" is missing']],
  },
  {
    rule: 'an address with a password as the host of PostgreSQL',
    text: connectionOf('postgres', 'host: postgres://u:hunter2@a:5432/d', 'database: d', 'user: u'),
    found: [['5:13', 'CONFIG_INVALID', 'a host is a name or an address']],
  },
  {
    rule: 'a port of PostgreSQL that is none',
    text: connectionOf('postgres', 'port: 65536', 'database: d', 'user: u'),
    found: [['5:13', 'CONFIG_INVALID', '65535']],
  },
  {
    rule: 'a connection to RabbitMQ without a user',
    text: connectionOf('rabbitmq', 'host: a'),
    found: [
      ['5:7', 'CONFIG_INVALID', '"user" is missing'],
      ['5:7', 'CONFIG_INVALID', '"password" is missing'],
    ],
  },
  {
    rule: 'a password of RabbitMQ that stands in the file',
    text: connectionOf('rabbitmq', 'user: guest', 'password: guest'),
    found: [['6:17', 'CONFIG_INVALID', '${secret:NAME}', 'secrets folder']],
  },
  {
    rule: 'a password of RabbitMQ that would be sent in the open',
    text: connectionOf('rabbitmq', 'host: a', 'user: u', 'password: "${secret:PASSWORD}"'),
    found: [['5:13', 'CONFIG_INVALID', '"tls: true"', 'allow_plaintext_password']],
  },
  {
    rule: 'the socket of another server as the host of RabbitMQ',
    text: connectionOf('rabbitmq', 'host: /run', 'user: u', 'password: "${secret:PASSWORD}"'),
    found: [['5:13', 'CONFIG_INVALID', 'a host is a name or an address']],
  },
  {
    rule: 'a connection of an unknown kind',
    text: ['pipeline: p', 'connections:', '  prod: { kafak: {} }', ...stages].join('\n'),
    found: [['3:11', 'CONFIG_UNKNOWN_OPERATOR', 'kind of connection', 'did you mean "kafka"?']],
  },
  {
    rule: 'a connection of nothing',
    text: ['pipeline: p', 'connections:', '  prod:', ...stages].join('\n'),
    found: [['3:3', 'CONFIG_INVALID', 'a connection is named by its key']],
  },
  {
    rule: 'a connection without brokers',
    text: connectionWith('tls: true'),
    found: [['5:7', 'CONFIG_INVALID', '"brokers" is missing']],
  },
  {
    rule: 'a broker that is no address',
    text: connectionWith('brokers: [a:9092, "kafka://b"]'),
    found: [['5:25', 'CONFIG_INVALID', 'a broker is HOST:PORT']],
  },
  {
    rule: 'a password that stands in the file',
    text: connectionWith(
      'brokers: a:9092',
      'tls: true',
      'sasl: { mechanism: plain, username: u, password: hunter2 }',
    ),
    found: [['7:56', 'CONFIG_INVALID', '${secret:NAME}', 'secrets folder']],
  },
  {
    rule: 'a password that is a number',
    text: connectionWith(
      'brokers: a:9092',
      'sasl: { mechanism: scram-sha-512, username: u, password: 1234 }',
    ),
    found: [
      ['6:64', 'CONFIG_INVALID', 'expected a text'],
      ['6:64', 'CONFIG_INVALID', '${secret:NAME}'],
    ],
  },
  {
    rule: 'a private key that stands in the file',
    text: connectionWith(
      'brokers: a:9092',
      'tls:',
      '  cert: ./client.pem',
      '  key: "-----BEGIN PRIVATE KEY-----"',
    ),
    found: [['8:14', 'CONFIG_INVALID', 'a private key', '${secret:NAME}']],
  },
  {
    rule: 'a certificate without its key',
    text: connectionWith('brokers: a:9092', 'tls: { cert: ./client.pem }'),
    found: [['6:12', 'CONFIG_INVALID', '"key" is missing']],
  },
  {
    rule: 'an unknown mechanism',
    text: connectionWith('brokers: a:9092', 'tls: true', 'sasl: { mechanism: scram-sha-1 }'),
    found: [
      ['7:13', 'CONFIG_INVALID', '"username" is missing'],
      ['7:13', 'CONFIG_INVALID', '"password" is missing'],
      ['7:26', 'CONFIG_INVALID', 'did you mean "scram-sha-512"?'],
    ],
  },
]
