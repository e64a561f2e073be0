import { describe, expect, it } from 'vitest'
import { metricsAddress } from '../../src/cli/metrics-address.ts'
import { telemetrySetting } from '../../src/core/telemetry-setting.ts'

const nothing = telemetrySetting({}).setting
const byEnvironment = (host: string) =>
  telemetrySetting({ OTEL_METRICS_EXPORTER: 'prometheus', OTEL_EXPORTER_PROMETHEUS_HOST: host })
    .setting

describe('the address of --metrics', () => {
  it('is on this machine when no host is named', () => {
    const expected = { host: '127.0.0.1', port: 9_464, isOpen: false, isRequired: true }
    expect(metricsAddress({ metrics: '9464' }, nothing)).toEqual(expected)
    expect(metricsAddress({ metrics: ':9464' }, nothing)).toEqual(expected)
  })

  it('may be any address of this machine itself', () => {
    for (const host of ['127.0.0.1', '127.1.2.3', '[::1]'])
      expect(metricsAddress({ metrics: `${host}:9464` }, nothing)?.host).toBe(
        host.replace(/[[\]]/g, ''),
      )
  })

  it('is the same one for the name of this machine, whatever that leads to first', () => {
    expect(metricsAddress({ metrics: 'LOCALHOST:9464' }, nothing)?.host).toBe('127.0.0.1')
  })

  it('is refused where others could reach it, unless that is said', () => {
    for (const host of ['0.0.0.0', '[::]', '192.168.1.5', 'example.com', '[::ffff:127.0.0.1]']) {
      const metrics = `${host}:9464`
      expect(() => metricsAddress({ metrics }, nothing)).toThrow(/--metrics-open/)
      expect(metricsAddress({ metrics, metricsOpen: true }, nothing)?.isOpen).toBe(true)
    }
    expect(() => metricsAddress({}, byEnvironment('0.0.0.0'))).toThrow(/--metrics-open/)
  })

  it('comes from the environment where the command line has none', () => {
    expect(metricsAddress({}, nothing)).toBeNull()
    expect(metricsAddress({}, byEnvironment('localhost'))).toMatchObject({
      host: '127.0.0.1',
      isRequired: false,
    })
    expect(metricsAddress({ metrics: '1' }, byEnvironment('localhost'))?.port).toBe(1)
  })

  it('is refused where it is none', () => {
    for (const metrics of [
      '',
      'localhost',
      '127.0.0.1:',
      '127.0.0.1:65536',
      ':::1',
      '9464x',
      'a b:1',
      '-1',
    ])
      expect(() => metricsAddress({ metrics }, nothing)).toThrow(/HOST:PORT/)
  })
})
