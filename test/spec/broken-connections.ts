import type { BrokenFile } from './broken-file.ts'

const stages = ['stages:', '  - name: s', '    from: a', '    to: b']

/** A file whose connection `prod` has these settings, from line 4 on, indented by six. */
export function connectionWith(...lines: readonly string[]): string {
  const settings = lines.map((line) => `      ${line}`)
  return ['pipeline: p', 'connections:', '  prod:', '    kafka:', ...settings, ...stages].join('\n')
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
    rule: 'a connection of a kind that comes later',
    text: ['pipeline: p', 'connections:', '  db: { postgres: {} }', ...stages].join('\n'),
    found: [['3:9', 'CONFIG_INVALID', '"postgres" (of a connection) is not supported yet']],
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
