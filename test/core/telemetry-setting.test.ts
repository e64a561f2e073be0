import { describe, expect, it } from 'vitest'
import { telemetrySetting } from '../../src/core/telemetry-setting.ts'

const url = 'OTEL_EXPORTER_OTLP_ENDPOINT'

function settingOf(env: Readonly<Record<string, string>>) {
  return telemetrySetting(env).setting
}

function warningsOf(env: Readonly<Record<string, string>>) {
  return telemetrySetting(env).warnings
}

describe('where telemetry goes', () => {
  it('goes nowhere when no variable says so', () => {
    const { setting, warnings } = telemetrySetting({})
    expect(setting.traces.otlp).toBeNull()
    expect(setting.metrics.otlp).toBeNull()
    expect(setting.metrics.prometheus).toBeNull()
    expect(warnings).toEqual([])
  })

  it('goes to an endpoint that is named, each kind by its own path', () => {
    const { traces, metrics } = settingOf({ [url]: 'https://collector:4318/base/' })
    expect(traces.otlp?.endpoint).toBe('https://collector:4318/base/v1/traces')
    expect(metrics.otlp?.endpoint).toBe('https://collector:4318/base/v1/metrics')
    expect(traces.otlp?.protocol).toBe('http/protobuf')
  })

  it('takes the endpoint of one kind as it is, for that kind only', () => {
    const { traces, metrics } = settingOf({
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://collector:9090/api/v1/otlp/v1/metrics',
    })
    expect(traces.otlp).toBeNull()
    expect(metrics.otlp?.endpoint).toBe('http://collector:9090/api/v1/otlp/v1/metrics')
  })

  it('sends nothing of a kind whose exporter is none, whatever the endpoint', () => {
    const { traces, metrics } = settingOf({
      [url]: 'http://collector:4318',
      OTEL_TRACES_EXPORTER: 'none',
    })
    expect(traces.otlp).toBeNull()
    expect(metrics.otlp).not.toBeNull()
  })

  it('sends to this machine when only the exporter is named', () => {
    expect(settingOf({ OTEL_METRICS_EXPORTER: 'otlp' }).metrics.otlp?.endpoint).toBe(
      'http://localhost:4318/v1/metrics',
    )
    expect(
      settingOf({ OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }).traces.otlp
        ?.endpoint,
    ).toBe('http://localhost:4317/')
  })

  it('takes an endpoint of grpc without a scheme as secure, unless it is said not to be', () => {
    const env = { [url]: 'collector:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }
    expect(settingOf(env).traces.otlp?.endpoint).toBe('https://collector:4317/')
    expect(settingOf({ ...env, OTEL_EXPORTER_OTLP_INSECURE: 'true' }).traces.otlp?.endpoint).toBe(
      'http://collector:4317/',
    )
  })

  it('sends nothing to an endpoint that is no URL, and says so', () => {
    for (const text of ['collector:4318', 'ftp://collector', 'http://', '%%%']) {
      const { setting, warnings } = telemetrySetting({ [url]: text })
      expect(setting.traces.otlp).toBeNull()
      expect(warnings[0]).toContain(`${url} is no http or https URL`)
    }
  })

  it('is off altogether when the SDK is disabled', () => {
    const { setting, warnings } = telemetrySetting({
      OTEL_SDK_DISABLED: 'TRUE',
      [url]: 'http://collector:4318',
      OTEL_METRICS_EXPORTER: 'otlp,prometheus,nonsense',
    })
    expect(setting.isDisabled).toBe(true)
    expect([setting.traces.otlp, setting.metrics.otlp, setting.metrics.prometheus]).toEqual([
      null,
      null,
      null,
    ])
    expect(warnings).toEqual([])
  })

  it('is served for Prometheus where the exporters name it', () => {
    expect(settingOf({ OTEL_METRICS_EXPORTER: 'prometheus' }).metrics.prometheus).toEqual({
      host: 'localhost',
      port: 9_464,
    })
    const { metrics } = settingOf({
      OTEL_METRICS_EXPORTER: 'otlp, prometheus',
      OTEL_EXPORTER_PROMETHEUS_HOST: '127.0.0.1',
      OTEL_EXPORTER_PROMETHEUS_PORT: '9500',
    })
    expect(metrics.prometheus).toEqual({ host: '127.0.0.1', port: 9_500 })
    expect(metrics.otlp).not.toBeNull()
  })
})

describe('values of OTEL variables', () => {
  it('prefers what is said of one kind', () => {
    const { traces, metrics } = settingOf({
      [url]: 'http://collector:4318',
      OTEL_EXPORTER_OTLP_TIMEOUT: '2000',
      OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: '3000',
      OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: 'grpc',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
    })
    expect(traces.otlp).toMatchObject({ timeoutMs: 3_000, protocol: 'http/protobuf' })
    expect(metrics.otlp).toMatchObject({ timeoutMs: 2_000, protocol: 'grpc', compression: 'gzip' })
    expect(metrics.otlp?.endpoint).toBe('http://collector:4318/')
  })

  it('counts an empty value as none', () => {
    const { setting, warnings } = telemetrySetting({
      [url]: '',
      OTEL_TRACES_EXPORTER: ' ',
      OTEL_BSP_MAX_QUEUE_SIZE: '',
      OTEL_SDK_DISABLED: '',
    })
    expect(setting.traces.otlp).toBeNull()
    expect(setting.traces.batch.maxQueueSize).toBe(4_096)
    expect(warnings).toEqual([])
  })

  it('ignores values that it does not understand, with a warning that names the variable', () => {
    const env = {
      OTEL_SDK_DISABLED: 'yes',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_TIMEOUT: '10s',
      OTEL_METRIC_EXPORT_INTERVAL: '-1',
      OTEL_TRACES_EXPORTER: 'otlp,jaeger',
      OTEL_TRACES_SAMPLER: 'sometimes',
      OTEL_PROPAGATORS: 'b3',
      [url]: 'http://collector:4318',
    }
    const { setting, warnings } = telemetrySetting(env)
    for (const name of Object.keys(env).filter((each) => each !== url))
      expect(warnings.filter((warning) => warning.includes(name))).not.toEqual([])
    expect(setting.traces.otlp).toMatchObject({ protocol: 'http/protobuf', timeoutMs: 10_000 })
    expect(setting.metrics.exportIntervalMs).toBe(60_000)
  })

  it('reads attributes and headers with percent-encoded values', () => {
    const { resourceAttributes, serviceName, traces } = settingOf({
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test%20bed, service.name=orders,a=b=c',
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20abc.def.ghi,x-tenant=7',
      [url]: 'http://collector:4318',
    })
    expect([...resourceAttributes]).toEqual([
      ['deployment.environment.name', 'test bed'],
      ['a', 'b=c'],
    ])
    expect(serviceName).toBe('orders')
    expect(traces.otlp?.headers.get('authorization')).toBe('Bearer abc.def.ghi')
  })

  it('prefers the service name to that of the attributes', () => {
    const env = { OTEL_SERVICE_NAME: 'shop', OTEL_RESOURCE_ATTRIBUTES: 'service.name=orders' }
    expect(settingOf(env).serviceName).toBe('shop')
  })

  it('drops a list that cannot be read as a whole, and shows nothing of it', () => {
    for (const text of ['token', '=abcdefgh', 'a=%zz', 'a=%0d%0aHost: x', 'b c=d', '\u0000=1']) {
      const env = { OTEL_EXPORTER_OTLP_HEADERS: `x=verysecret,${text}`, [url]: 'http://c:4318' }
      expect(settingOf(env).traces.otlp?.headers.size).toBe(0)
      expect(warningsOf(env).join()).not.toContain('verysecret')
    }
  })

  it('keeps a name that objects have by themselves as any other', () => {
    const { resourceAttributes } = settingOf({ OTEL_RESOURCE_ATTRIBUTES: '__proto__=x' })
    expect(resourceAttributes.get('__proto__')).toBe('x')
  })

  it('names what must not be shown, but no short word that could stand anywhere', () => {
    const { secrets } = settingOf({
      [url]: 'http://user:hunter2%21hunter@collector:4318',
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20abcdefghij,x-tenant=7',
    })
    expect(secrets).toEqual(['Bearer abcdefghij', 'abcdefghij', 'hunter2!hunter'])
  })

  it('takes the sampler with its ratio', () => {
    const sampler = (env: Readonly<Record<string, string>>) => settingOf(env).traces.sampler
    expect(sampler({})).toBeNull()
    expect(sampler({ OTEL_TRACES_SAMPLER: 'always_off' })?.ratio).toBe(0)
    expect(sampler({ OTEL_TRACES_SAMPLER: 'parentbased_always_on' })?.ratio).toBe(1)
    const byRatio = { OTEL_TRACES_SAMPLER: 'traceidratio' }
    expect(sampler({ ...byRatio, OTEL_TRACES_SAMPLER_ARG: '0.25' })?.ratio).toBe(0.25)
    expect(sampler({ ...byRatio, OTEL_TRACES_SAMPLER_ARG: '2' })?.ratio).toBe(1)
    expect(warningsOf({ ...byRatio, OTEL_TRACES_SAMPLER_ARG: 'x' })).toHaveLength(1)
  })

  it('bounds a batch by its queue, and the time of an export by the interval', () => {
    const { traces, metrics } = settingOf({
      OTEL_BSP_MAX_QUEUE_SIZE: '100',
      OTEL_METRIC_EXPORT_INTERVAL: '1000',
    })
    expect(traces.batch.maxBatchSize).toBe(100)
    expect(metrics.exportTimeoutMs).toBe(1_000)
  })

  it('reads no contexts of records when no propagator does', () => {
    expect(settingOf({ OTEL_PROPAGATORS: 'none' }).traces.propagates).toBe(false)
    expect(settingOf({ OTEL_PROPAGATORS: 'baggage' }).traces.propagates).toBe(false)
    expect(settingOf({ OTEL_PROPAGATORS: 'tracecontext,baggage' }).traces.propagates).toBe(true)
  })
})
