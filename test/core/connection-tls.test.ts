import { describe, expect, it } from 'vitest'
import { isLoopback, isPem } from '../../src/core/connection-tls.ts'

describe('PEM', () => {
  it('is known by how it begins', () => {
    expect([isPem('\n-----BEGIN CERTIFICATE-----\n'), isPem('./ca.pem'), isPem('')]).toEqual([
      true,
      false,
      false,
    ])
  })
})

describe('what stays on the machine', () => {
  it.each(['localhost', '127.0.0.1', '127.1.2.3', '::1', '[::1]', '/run/postgresql'])(
    'is %s',
    (host) => {
      expect(isLoopback(host)).toBe(true)
    },
  )

  it.each(['example.com', 'localhost.example.com', '10.0.0.1', '127.0.0.1.example.com', '::2', ''])(
    'is not %j',
    (host) => {
      expect(isLoopback(host)).toBe(false)
    },
  )
})
