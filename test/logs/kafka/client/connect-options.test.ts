import { describe, expect, it } from 'vitest'
import { createSystemClock } from '../../../../src/clock/system-clock.ts'
import {
  connectionOptions,
  formatAddress,
  type KafkaClientOptions,
  parseAddress,
} from '../../../../src/logs/kafka/client/connect-options.ts'
import { KafkaError } from '../../../../src/logs/kafka/client/kafka-error.ts'

const clock = createSystemClock()
const noTls = { ca: null, cert: null, key: null, serverName: null, insecureSkipVerify: false }
const plain = { mechanism: 'plain', username: 'u', password: 'p' } as const

function options(choice: Partial<KafkaClientOptions>): KafkaClientOptions {
  return { brokers: ['k:1'], clientId: 'c', clock, tls: null, sasl: null, ...choice }
}

function refusal(choice: Partial<KafkaClientOptions>): KafkaError {
  try {
    connectionOptions(options(choice))
  } catch (error) {
    if (error instanceof KafkaError) return error
    throw error
  }
  throw new Error('the options were taken')
}

describe('the options of a connection', () => {
  it('take addresses of hosts, IPv4 and IPv6', () => {
    expect(parseAddress('kafka-1.example.org:9093')).toEqual({
      host: 'kafka-1.example.org',
      port: 9093,
    })
    expect(parseAddress('127.0.0.1:1')).toEqual({ host: '127.0.0.1', port: 1 })
    expect(parseAddress('[::1]:9092')).toEqual({ host: '::1', port: 9092 })
    expect(formatAddress('::1', 9092)).toBe('[::1]:9092')
    expect(formatAddress('kafka', 9092)).toBe('kafka:9092')
  })

  it.each([
    '',
    ':9092',
    'a b:1',
    'k:0',
    'k:65536',
    'k:x',
    'kafka://k:1',
    'u:p@k:1',
    '::1:9092',
    'k:1/x',
  ])('do not take "%s" for an address', (address) => {
    expect(() => parseAddress(address)).toThrow('HOST:PORT')
  })

  it('do not let a password go unencrypted unless that is allowed, and then say it', () => {
    expect(refusal({ sasl: plain })).toMatchObject({ code: 'OPTIONS', kind: 'config' })
    expect(refusal({ sasl: plain }).message).toContain('"allow_plaintext_password"')
    const notices: string[] = []
    const notice = (message: string) => void notices.push(message)
    connectionOptions(options({ sasl: plain, allowPlaintextPassword: true, notice }))
    expect(notices).toHaveLength(1)
    connectionOptions(options({ sasl: plain, tls: noTls, notice }))
    connectionOptions(options({ sasl: { ...plain, mechanism: 'scram-sha-512' }, notice }))
    expect(notices).toHaveLength(1)
  })

  it('say by the name of the setting what cannot be used', () => {
    expect(refusal({ tls: { ...noTls, ca: 'garbage' } }).message).toContain('"tls.ca" holds no')
    const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'
    expect(refusal({ tls: { ...noTls, ca: broken } }).message).toContain('cannot be read')
    expect(refusal({ tls: { ...noTls, key: 'k' } }).message).toContain('"tls.cert" and "tls.key"')
    expect(refusal({ sasl: { ...plain, password: '' } }).message).toContain('"sasl.password"')
    expect(refusal({ sasl: { ...plain, username: 'a\0b' } }).message).toContain('U+0000')
    const nameSetting = (setting: string) => `MY_${setting.toUpperCase()}`
    expect(refusal({ sasl: plain, nameSetting }).message).toContain('MY_TLS')
  })

  it('never show a password', () => {
    const sasl = { mechanism: 'plain', username: 'u', password: 'hush\0hush' } as const
    expect(refusal({ sasl }).message).not.toContain('hush')
  })
})
