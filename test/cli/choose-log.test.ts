import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { assertWorkers, chooseLog, logArguments, shownLog } from '../../src/cli/choose-log.ts'
import { nameSetting } from '../../src/cli/kafka-connections.ts'
import { loadTopologies } from '../../src/cli/load-topologies.ts'
import type { NamedBy } from '../../src/cli/log-choice.ts'
import { aCliEnvironment } from './cli-environment.ts'
import { aFolder } from './temporary-folder.ts'

const dataDir = './.millrace'
const stages = 'stages:\n  - { name: s, from: a, to: b }\n'
const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'

function choose(
  asked: { log?: string; env?: Record<string, string> },
  files: Record<string, string> = {},
) {
  const environment = aCliEnvironment({ cwd: aFolder(files), env: asked.env ?? {} })
  const yaml = Object.keys(files).filter((name) => name.endsWith('.yaml'))
  const loaded = loadTopologies(yaml, environment, { log: asked.log })
  const errors = loaded.diagnostics.filter(({ severity }) => severity === 'error')
  if (errors.length > 0) return { errors, log: loaded.log }
  const options = { dataDir, ...(asked.log === undefined ? {} : { log: asked.log }) }
  return { choice: chooseLog(options, loaded.files, environment), log: loaded.log }
}

describe('the log of a command', () => {
  const file = { 'a.yaml': `pipeline: a\nlog: kafka://file:1\n${stages}` }

  it('is embedded unless something else is said', () => {
    expect(choose({})).toEqual({ choice: { kind: 'embedded', dataDir }, log: 'embedded' })
    expect(choose({ env: { MILLRACE_LOG: '' } }).log).toBe('embedded')
  })

  it('is what the command line says, then MILLRACE_LOG, then the files', () => {
    const brokers = (asked: Parameters<typeof choose>[0]) => {
      const { choice } = choose(asked, file)
      return choice?.kind === 'kafka' ? choice.connection.brokers : choice?.kind
    }
    const env = { MILLRACE_LOG: 'kafka://environment:2' }
    expect(brokers({ log: 'kafka://line:3,b', env })).toEqual(['line:3', 'b:9092'])
    expect(brokers({ env })).toEqual(['environment:2'])
    expect(brokers({})).toEqual(['file:1'])
    expect(brokers({ log: 'embedded', env })).toBe('embedded')
  })

  it('decides how pipelines are compiled', () => {
    const totals = `pipeline: a\n${stages.replace('to: b', 'steps: [{ aggregate: { by: value.c, fields: { n: count() } } }], to: b')}`
    const topics = (log?: string) => {
      const environment = aCliEnvironment({ cwd: aFolder({ 'a.yaml': totals }) })
      const [loaded] = loadTopologies(['a.yaml'], environment, { log }).files
      return loaded!.topology.topics.map(({ name }) => name).toSorted()
    }
    expect(topics()).toEqual(['a', 'a.s.dlq', 'a.s.late', 'a.s.replay', 'b'])
    expect(topics('kafka://x')).toEqual([
      'a',
      'a.s.changelog',
      'a.s.dlq',
      'a.s.late',
      'a.s.repartition',
      'a.s.repartition.changelog',
      'a.s.replay',
      'b',
    ])
  })

  it.each([
    ['kafak', /--log is "kafak", which is no log; use embedded or kafka:\/\/HOST:PORT/],
    ['kafka://', /--log: a Kafka log is kafka:\/\/HOST:PORT/],
    ['kafka://a/b', /--log: .*nothing follows the addresses/],
    ['kafka://u:hunter2@a', /^(?!.*hunter2).*--log: .*no user and password/],
    ['kafak://u:hunter2@a', /^(?!.*hunter2).*--log is no log/],
    ['', /--log is "", which is no log/],
  ])('is not %j', (log, message) => {
    expect(() => choose({ log })).toThrow(expect.objectContaining({ code: 'CONFIG_USAGE' }))
    expect(() => choose({ log })).toThrow(message)
    if (log === '') return
    expect(() => choose({ env: { MILLRACE_LOG: log } })).toThrow('MILLRACE_LOG')
  })

  it('is one for all files that run together', () => {
    const other = (log: string) => ({ ...file, 'b.yaml': `pipeline: b\nlog: ${log}\n${stages}` })
    expect(choose({}, other('kafka://file:1/')).choice?.kind).toBe('kafka')
    expect(choose({}, other('embedded')).errors).toMatchObject([
      {
        file: 'b.yaml',
        line: 2,
        message: expect.stringContaining('kafka://file:1, and this file embedded'),
      },
    ])
    expect(choose({ log: 'embedded' }, other('kafka://other')).choice?.kind).toBe('embedded')
    expect(choose({}, { ...file, 'b.yaml': `pipeline: b\n${stages}` }).choice?.kind).toBe('kafka')
  })
})

describe('a connection that a file chooses', () => {
  const connection = (tls: string) =>
    `pipeline: a\nlog: { kafka: prod }\nconnections:\n  prod:\n    kafka:\n      brokers: [a, b]\n      tls: ${tls}\n      sasl: { mechanism: plain, username: u, password: "\${secret:PASSWORD}" }\n${stages}`
  const env = { PASSWORD: 'hunter2' }

  it('has its files read, beside the pipeline file, and its secrets filled in', () => {
    const files = { 'sub/a.yaml': connection('{ ca: ca.pem, server_name: k }'), 'sub/ca.pem': pem }
    expect(choose({ env }, files).choice).toEqual({
      kind: 'kafka',
      dataDir,
      connection: {
        brokers: ['a:9092', 'b:9092'],
        tls: { ca: pem, cert: null, key: null, serverName: 'k', insecureSkipVerify: false },
        sasl: { mechanism: 'plain', username: 'u', password: 'hunter2' },
        allowPlaintextPassword: false,
      },
      named: { connection: 'prod' },
    })
    const on = choose({ env }, { 'a.yaml': connection('true') }).choice
    expect(on).toMatchObject({ connection: { tls: { ca: null, insecureSkipVerify: false } } })
  })

  it('whose file is missing or no certificate is told with its place', () => {
    expect(choose({ env }, { 'a.yaml': connection('{ ca: gone.pem }') }).errors).toMatchObject([
      { code: 'CONFIG_FILE', line: 7, path: 'connections.prod.kafka.tls.ca' },
    ])
    const files = { 'a.yaml': connection('{ ca: ca.der }'), 'ca.der': '0\u0003' }
    expect(choose({ env }, files).errors).toMatchObject([
      { code: 'CONFIG_FILE', line: 6, message: expect.stringMatching(/^ca\.der is no PEM file/) },
    ])
  })

  it('is not looked at when another log is asked for', () => {
    const files = { 'a.yaml': connection('{ ca: gone.pem }') }
    expect(choose({ log: 'embedded' }, files).choice).toEqual({ kind: 'embedded', dataDir })
    expect(choose({ log: 'kafka://x' }, files).choice).toMatchObject({
      connection: { brokers: ['x:9092'], tls: null, sasl: null },
    })
  })
})

describe('messages about a log', () => {
  const connection = {
    brokers: ['a:1', 'b:2'],
    tls: null,
    sasl: null,
    allowPlaintextPassword: false,
  }

  const named = { address: '--log' } as const

  it('name a setting as the user gave it, or would have to', () => {
    const ca = (by: NamedBy) => [nameSetting(by, 'brokers'), nameSetting(by, 'tls.ca')]
    expect(ca({ address: '--log' })).toEqual(['--log', 'MILLRACE_KAFKA_TLS_CA'])
    expect(ca({ address: 'MILLRACE_LOG' })).toEqual(['MILLRACE_LOG', 'MILLRACE_KAFKA_TLS_CA'])
    expect(ca({ connection: 'prod' })).toEqual([
      '"connections.prod.kafka.brokers"',
      '"connections.prod.kafka.tls.ca"',
    ])
    expect(nameSetting(named, 'sasl')).toBe('MILLRACE_KAFKA_SASL_MECHANISM')
    expect(choose({ log: 'kafka://x' }).choice).toMatchObject({ named })
    expect(choose({ env: { MILLRACE_LOG: 'kafka://x' } }).choice).toMatchObject({
      named: { address: 'MILLRACE_LOG' },
    })
  })

  it('say which, and how a command line names it', () => {
    const kafka = { kind: 'kafka', dataDir, connection, named } as const
    expect([shownLog(kafka), logArguments(kafka)]).toEqual([
      'the Kafka log at kafka://a:1,b:2',
      '--log kafka://a:1,b:2',
    ])
    const embedded = { kind: 'embedded', dataDir: join('x', 'y') } as const
    expect([shownLog(embedded), logArguments(embedded)]).toEqual([
      'the embedded log in x/y',
      '--data-dir x/y',
    ])
    expect(logArguments({ kind: 'embedded', dataDir })).toBe('')
  })

  it('refuse several workers on the embedded log alone', () => {
    const embedded = { kind: 'embedded', dataDir } as const
    expect(() => assertWorkers(3, embedded)).toThrow(/--workers 3 needs Kafka/)
    for (const workers of [undefined, 1])
      expect(() => assertWorkers(workers, embedded)).not.toThrow()
    expect(() => assertWorkers(3, { kind: 'kafka', dataDir, connection, named })).not.toThrow()
  })
})
