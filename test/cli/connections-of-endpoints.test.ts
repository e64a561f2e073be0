import { describe, expect, it } from 'vitest'
import { loadTopologies, type LoadOptions } from '../../src/cli/load-topologies.ts'
import { runProgram } from '../../src/cli/program.ts'
import type { ConnectionName } from '../../src/core/connection-name.ts'
import { aCliEnvironment } from './cli-environment.ts'
import { aFolder } from './temporary-folder.ts'

const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'

/** From the connection `near` to the connection `far`; a third one is of no use to it. */
function pipeline({ near = 'brokers: a', far = 'brokers: b', source = 'near' } = {}): string {
  const block = (settings: string) => settings.replaceAll('\n', '\n      ')
  return `pipeline: p
connections:
  near:
    kafka:
      ${block(near)}
  far:
    kafka:
      ${block(far)}
  unused:
    kafka:
      brokers: \${UNSET}
stages:
  - name: read
    source:
      kafka:
        connection: ${source}
        topics: in
    to: raw
  - name: write
    from: raw
    sink:
      kafka:
        connection: far
        topic: out
  - name: again
    from: raw
    sink:
      kafka:
        connection: far
        topic: out
`
}

function load(text: string, options: LoadOptions = {}, env: Record<string, string> = {}) {
  const environment = aCliEnvironment({ cwd: aFolder({ 'p.yaml': text, 'ca.pem': pem }), env })
  const { files, diagnostics } = loadTopologies(['p.yaml'], environment, options)
  const errors = diagnostics.filter(({ severity }) => severity === 'error')
  const connections = files.flatMap(({ spec }) =>
    spec.stages.flatMap(({ source, sink }) => {
      const config = (source ?? sink)?.config as { readonly connection: ConnectionName<'kafka'> }
      return config.connection
    }),
  )
  return { errors, connections }
}

const withUser =
  'brokers: b\ntls: { ca: ca.pem }\nsasl: { mechanism: plain, username: u, password: "${secret:PASSWORD}" }'

describe('the connections that sources and sinks name', () => {
  it('are bound with their files and secrets, one object each', () => {
    const { errors, connections } = load(pipeline({ far: withUser }), {}, { PASSWORD: 'hunter2' })
    expect(errors).toEqual([])
    expect(connections.map(({ name }) => name)).toEqual(['near', 'far', 'far'])
    expect(connections[0]!.settings).toMatchObject({ brokers: ['a:9092'], tls: null, sasl: null })
    expect(connections[1]!.settings).toMatchObject({
      tls: { ca: pem },
      sasl: { password: 'hunter2' },
    })
    expect(connections[1]!.settings).toBe(connections[2]!.settings)
  })

  it('are looked at whatever the log is', () => {
    const { errors } = load(pipeline({ far: withUser }), { log: 'kafka://elsewhere' })
    expect(errors).toMatchObject([
      { code: 'CONFIG_VARIABLE', message: expect.stringContaining('PASSWORD') },
    ])
  })

  it('need no secrets and files where nothing is opened', () => {
    const far = withUser.replace('ca.pem', 'gone.pem')
    expect(load(pipeline({ far }), { forTests: true }).errors).toEqual([])
  })

  it('tell of a file that is missing at its place', () => {
    const far = 'brokers: b\ntls: { ca: gone.pem }'
    expect(load(pipeline({ far })).errors).toMatchObject([
      { code: 'CONFIG_FILE', path: 'connections.far.kafka.tls.ca', line: 9 },
    ])
  })

  it('exist, or the nearest name is suggested', () => {
    expect(load(pipeline({ source: 'nera' })).errors).toMatchObject([
      {
        code: 'CONFIG_INVALID',
        path: 'stages[0].source.kafka.connection',
        message: 'no connection is called "nera"; did you mean "near"?',
        hint: expect.stringContaining('"connections:"'),
      },
    ])
  })
})

describe('the guarantees of Kafka beside the log', () => {
  it('are exactly once into the log, at least once out of it, and say what to drop by', async () => {
    const environment = aCliEnvironment({ cwd: aFolder({ 'p.yaml': pipeline() }) })
    expect(await runProgram(['explain', 'p.yaml', '--guarantees'], environment)).toBe(0)
    const text = environment.stdout.text.replaceAll(/\s+/g, ' ')
    expect(text).toContain('exactly once read: kafka -> raw The position in each partition')
    expect(text).toContain('at least once write: raw -> kafka')
    expect(text).toContain('After a crash: the records since the last commit are written again')
    expect(text).toContain('A receiver can drop what is repeated by a field of the value')
  })
})
