import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { createSystemClock } from '../../../src/clock/system-clock.ts'
import { startOtlpReceiver } from '../../telemetry/otlp-receiver.ts'
import { millrace, Workspace } from '../cli-process.ts'

const clock = createSystemClock()
const workspaces: Workspace[] = []

afterEach(() => {
  for (const made of workspaces.splice(0)) made.remove()
})

const copy = `pipeline: copy
stages:
  - name: read
    source:
      generate: { count: 3000, template: { n: { $sequence: 0 } } }
    to: copy.raw
  - name: write
    from: copy.raw
    sink:
      file: { path: ./out.ndjson }
`

function workspace(): Workspace {
  const made = new Workspace({ 'copy.yaml': copy })
  workspaces.push(made)
  return made
}

describe('the address of metrics', () => {
  it('ends the run before it begins where it was asked for and cannot be had', async () => {
    const at = workspace()
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const args = ['run', 'copy.yaml', '--data-dir', 'data', '--metrics', String(port)]
    const { code, stderr } = await millrace(args, { cwd: at.folder })
    expect(code).toBe(2)
    expect(stderr).toMatch(
      new RegExp(`metrics cannot be served at 127.0.0.1:${port}: .*EADDRINUSE`),
    )
    expect(existsSync(at.path('data'))).toBe(false)
    const env = { OTEL_METRICS_EXPORTER: 'prometheus', OTEL_EXPORTER_PROMETHEUS_PORT: String(port) }
    const second = await millrace(['run', 'copy.yaml'], {
      cwd: at.folder,
      env: { ...env, OTEL_EXPORTER_PROMETHEUS_HOST: '127.0.0.1' },
    })
    server.close()
    expect(second.stderr).toContain(`metrics cannot be served at 127.0.0.1:${port}`)
    expect(second.code).toBe(0)
    expect(at.lines('out.ndjson')).toHaveLength(3_000)
  })

  it('is not opened to others by chance', async () => {
    const at = workspace()
    const run = (...more: string[]) =>
      millrace(['run', 'copy.yaml', '--metrics', '0.0.0.0:0', ...more], { cwd: at.folder })
    const refused = await run()
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain('--metrics-open')
    const opened = await run('--metrics-open')
    expect(opened.code).toBe(0)
    expect(opened.stderr).toMatch(/metrics are at http:\/\/0\.0\.0\.0:[1-9]\d*\/metrics/)
  })
})

describe('a collector of metrics that hangs', () => {
  it('costs no record, and keeps the run from ending for two seconds at most', async () => {
    const at = workspace()
    const receiver = await startOtlpReceiver()
    receiver.mood = 'hang'
    const timed = async (env: Readonly<Record<string, string>>) => {
      const startUs = clock.monotonicUs()
      const result = await millrace(['run', 'copy.yaml', '--fresh'], { cwd: at.folder, env })
      return { ...result, ms: (clock.monotonicUs() - startUs) / 1_000 }
    }
    const without = await timed({})
    const hanging = await timed({
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${receiver.url}/v1/metrics`,
      OTEL_METRIC_EXPORT_INTERVAL: '100',
      OTEL_EXPORTER_OTLP_TIMEOUT: '60000',
    })
    await receiver.close()
    expect([without.code, hanging.code]).toEqual([0, 0])
    expect(at.lines('out.ndjson')).toHaveLength(3_000)
    // Much less than the timeout of an export; the rest is for a machine that is busy.
    expect(hanging.ms - without.ms).toBeLessThan(15_000)
  })
})
