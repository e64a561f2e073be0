import { describe, expect, it } from 'vitest'
import {
  brokerAddress,
  brokersOfUrl,
  kafkaUrl,
  revealsPassword,
} from '../../src/core/kafka-connection.ts'

describe('the address of a broker', () => {
  it.each([
    ['localhost', 'localhost:9092'],
    ['kafka-1.example.com:9093', 'kafka-1.example.com:9093'],
    ['10.0.0.1:1', '10.0.0.1:1'],
    ['a_b', 'a_b:9092'],
    ['[::1]', '[::1]:9092'],
    ['[fe80::1]:65535', '[fe80::1]:65535'],
  ])('%s is %s', (text, address) => {
    expect(brokerAddress(text)).toBe(address)
  })

  it.each([
    '',
    ' a',
    'a b',
    'a:',
    'a:0',
    'a:65536',
    'a:9092:1',
    '::1',
    'u@a',
    '-a',
    'a.',
    'ä',
    'a:1e3',
  ])('is not %j', (text) => {
    expect(brokerAddress(text)).toBeNull()
  })
})

describe('the address of a Kafka log', () => {
  it('names brokers, once each, and is written again as it was', () => {
    const brokers = brokersOfUrl('kafka://a:9092,b,a/')
    expect(brokers).toEqual(['a:9092', 'b:9092'])
    expect(kafkaUrl({ brokers: ['a:9092', 'b:9092'] })).toBe('kafka://a:9092,b:9092')
  })

  it.each([
    'kafka://',
    'kafka:///',
    'kafka://a,,b',
    'kafka://a/b',
    'kafka://a?tls=1',
    'kafka://a b',
    'http://a',
  ])('is not %j, and a sentence says why', (url) => {
    expect(brokersOfUrl(url)).toEqual(expect.any(String))
  })

  it('has no password, nor repeats one', () => {
    expect(brokersOfUrl('kafka://user:hunter2@a:9092')).toMatch(
      /^(?!.*hunter2).*no user and password/,
    )
  })
})

describe('a password', () => {
  const plain = {
    sasl: { mechanism: 'plain' },
    isEncrypted: false,
    allowPlaintextPassword: false,
  } as const

  it('is revealed by PLAIN without TLS, and by nothing else', () => {
    expect(revealsPassword(plain)).toBe(true)
    expect(revealsPassword({ ...plain, isEncrypted: true })).toBe(false)
    expect(revealsPassword({ ...plain, allowPlaintextPassword: true })).toBe(false)
    expect(revealsPassword({ ...plain, sasl: { mechanism: 'scram-sha-256' } })).toBe(false)
    expect(revealsPassword({ ...plain, sasl: null })).toBe(false)
  })
})
