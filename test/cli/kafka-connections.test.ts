import { describe, expect, it } from 'vitest'
import { connectionOfEnvironment, sessionTimeoutOf } from '../../src/cli/kafka-connections.ts'
import { aCliEnvironment } from './cli-environment.ts'
import { aFolder } from './temporary-folder.ts'

const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n'
const key = 'Bag Attributes\n-----BEGIN PRIVATE KEY-----\nBBBB\n'

/** With `MILLRACE_KAFKA_` before the names of the variables. */
function connect(variables: Record<string, string>, files: Record<string, string> = {}) {
  const names = Object.entries(variables).map(([name, value]) => [`MILLRACE_KAFKA_${name}`, value])
  const cwd = aFolder(files)
  const env = { MILLRACE_SECRETS_DIR: 'secrets', ...Object.fromEntries(names) }
  const environment = aCliEnvironment({ cwd, env })
  return { connection: connectionOfEnvironment(['a:9092'], environment), environment }
}

const scram = { SASL_MECHANISM: 'SCRAM-SHA-512', SASL_USERNAME: 'u' }

describe('a connection by the environment', () => {
  it('has neither TLS nor a user when nothing is set', () => {
    expect(connect({ TLS: '', SASL_PASSWORD: '' }).connection).toEqual({
      brokers: ['a:9092'],
      tls: null,
      sasl: null,
      allowPlaintextPassword: false,
    })
  })

  it('has the certificates of files, by their paths from the working directory', () => {
    const files = { 'ca.pem': pem, 'c/client.pem': pem, 'c/key.pem': key }
    const { connection } = connect(
      { TLS_CA: 'ca.pem', TLS_CERT: 'c/client.pem', TLS_KEY: 'c/key.pem', TLS_SERVER_NAME: 'k' },
      files,
    )
    expect(connection.tls).toEqual({
      ca: pem,
      cert: pem,
      key,
      serverName: 'k',
      insecureSkipVerify: false,
    })
  })

  it('has TLS with the certificates of Node when it is only turned on', () => {
    expect(connect({ TLS: 'TRUE' }).connection.tls).toMatchObject({ ca: null, cert: null })
    expect(connect({ TLS_INSECURE_SKIP_VERIFY: 'true' }).connection.tls).toMatchObject({
      insecureSkipVerify: true,
    })
    expect(connect({ TLS: 'false', TLS_INSECURE_SKIP_VERIFY: 'false' }).connection.tls).toBeNull()
  })

  it('takes the password and the key from the secrets folder, and masks them', () => {
    const files = {
      'secrets/MILLRACE_KAFKA_SASL_PASSWORD': 'hunter2\n',
      'secrets/MILLRACE_KAFKA_TLS_KEY': key,
      'client.pem': pem,
    }
    const { connection, environment } = connect({ ...scram, TLS_CERT: 'client.pem' }, files)
    expect(connection.sasl).toEqual({
      mechanism: 'scram-sha-512',
      username: 'u',
      password: 'hunter2',
    })
    expect(connection.tls?.key).toContain('BBBB')
    expect(environment.mask.text('hunter2 BBBB')).toBe('*** ***')
  })

  it('takes a key that stands in the variable itself, and masks it', () => {
    const { connection, environment } = connect({ TLS_CERT: pem, TLS_KEY: '-----BEGIN X\nCCCC' })
    expect(connection.tls).toMatchObject({ cert: pem, key: '-----BEGIN X\nCCCC' })
    expect(environment.mask.text('CCCC')).toBe('***')
  })

  it('sends no password unencrypted unless that is allowed', () => {
    const plain = { SASL_MECHANISM: 'plain', SASL_USERNAME: 'u', SASL_PASSWORD: 'hunter2' }
    expect(() => connect(plain)).toThrow(/unencrypted.*MILLRACE_KAFKA_TLS=true/)
    expect(connect({ ...plain, TLS: 'true' }).connection.sasl?.mechanism).toBe('plain')
    const allowed = connect({ ...plain, ALLOW_PLAINTEXT_PASSWORD: 'true' }).connection
    expect(allowed).toMatchObject({ tls: null, allowPlaintextPassword: true })
  })

  it.each<[string, Record<string, string>, RegExp]>([
    [
      'a mistyped variable',
      { SASL_PASSWROD: 'x' },
      /no variable MILLRACE_KAFKA_SASL_PASSWROD; did you mean "MILLRACE_KAFKA_SASL_PASSWORD"/,
    ],
    ['a flag that is none', { TLS: 'yes' }, /MILLRACE_KAFKA_TLS is "yes"; it is true or false/],
    [
      'an unknown mechanism',
      { ...scram, SASL_MECHANISM: 'gssapi', SASL_PASSWORD: 'x' },
      /"gssapi"; there are plain, scram-sha-256/,
    ],
    ['a user without a password', scram, /SASL_PASSWORD go together/],
    ['a password without a user', { SASL_PASSWORD: 'x' }, /go together/],
    [
      'a certificate without a key',
      { TLS_CERT: 'ca.pem' },
      /TLS_CERT and MILLRACE_KAFKA_TLS_KEY go together/,
    ],
    [
      'TLS that is off, with a certificate',
      { TLS: 'false', TLS_CA: 'ca.pem' },
      /MILLRACE_KAFKA_TLS is false, and other/,
    ],
  ])('is refused with %s', (_what, variables, message) => {
    const connecting = () => connect(variables, { 'ca.pem': pem })
    expect(connecting).toThrow(expect.objectContaining({ code: 'CONFIG_VARIABLE' }))
    expect(connecting).toThrow(message)
  })

  it.each<[string, Record<string, string>, RegExp]>([
    ['is missing', {}, /reading MILLRACE_KAFKA_TLS_CA: ENOENT.*ca\.pem/],
    ['is no PEM', { 'ca.pem': 'DER' }, /ca\.pem is no PEM file/],
  ])('is refused with a file that %s', (_what, files, message) => {
    const connecting = () => connect({ TLS_CA: 'ca.pem' }, files)
    expect(connecting).toThrow(expect.objectContaining({ code: 'CONFIG_FILE' }))
    expect(connecting).toThrow(message)
  })
})

describe('the session timeout of workers', () => {
  const timeout = (text?: string) => {
    const env = text === undefined ? {} : { MILLRACE_KAFKA_SESSION_TIMEOUT: text }
    return sessionTimeoutOf(aCliEnvironment({ env }))
  }

  it('is a duration from a second on, or that of every worker', () => {
    expect(timeout()).toBeNull()
    expect(timeout('')).toBeNull()
    expect(timeout('45s')).toBe(45_000)
    expect(timeout('1s')).toBe(1_000)
  })

  it.each(['10', '-1s', '999ms', 'soon', '0s'])('is refused when it is %s', (text) => {
    expect(() => timeout(text)).toThrow(
      `MILLRACE_KAFKA_SESSION_TIMEOUT is "${text}"; it is a duration from 1s on`,
    )
  })

  it('is a variable like those of connections', () => {
    expect(() => connect({ SESSION_TIMEOUT: '20s' })).not.toThrow()
  })
})
