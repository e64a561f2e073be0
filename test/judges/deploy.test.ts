import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { metricTable } from '../../src/core/metric-table.ts'
import type { MetricDefinition } from '../../src/core/metric-definition.ts'
import { prometheusName } from '../../src/core/prometheus-name.ts'
import { freePorts } from '../kafka/broker/ports.ts'
import { runCommand } from '../kafka/broker/run-command.ts'
import { dashboardQueries } from './dashboards.ts'
import { havePrometheus } from './prometheus-tools.ts'

const deploy = join(process.cwd(), 'deploy')

interface Compose {
  readonly services: Readonly<
    Record<
      string,
      {
        readonly ports?: readonly string[]
        readonly volumes?: readonly string[]
        readonly command?: readonly string[]
        readonly depends_on?: object
      }
    >
  >
  readonly volumes: Readonly<Record<string, unknown>>
}

interface Rule {
  readonly record?: string
  readonly alert?: string
  readonly expr: string
}

function yaml(path: string): unknown {
  return parse(readFileSync(join(deploy, path), 'utf8'))
}

const rules = (
  yaml('prometheus/rules.yaml') as { groups: readonly { rules: readonly Rule[] }[] }
).groups.flatMap((group) => group.rules)

/** All series that a run can have. */
const known = new Set(
  Object.entries(metricTable as Readonly<Record<string, MetricDefinition>>).flatMap(
    ([name, definition]) => {
      const { base } = prometheusName(name, definition)
      if (definition.instrument === 'counter') return [`${base}_total`]
      return definition.instrument === 'gauge'
        ? [base]
        : [`${base}_bucket`, `${base}_sum`, `${base}_count`]
    },
  ),
)

describe.skipIf(!(await havePrometheus()))('the rules for Prometheus', () => {
  it.each([
    ['check', 'rules', 'rules.yaml'],
    ['check', 'config', 'prometheus.yaml'],
    ['test', 'rules', 'rules.test.yaml'],
  ])('pass promtool %s %s %s', async (...args) => {
    const { code, stdout, stderr } = await runCommand('promtool', args, {
      cwd: join(deploy, 'prometheus'),
    })
    expect(`${stdout}${stderr}`).toContain('SUCCESS')
    expect(code).toBe(0)
  })
})

describe('what stands in deploy/', () => {
  it('names metrics that there are, in dashboards and rules', () => {
    const recorded = new Set(rules.flatMap(({ record = '' }) => (record === '' ? [] : [record])))
    const exprs = [...dashboardQueries().map(({ expr }) => expr), ...rules.map(({ expr }) => expr)]
    const names = exprs.flatMap((expr) =>
      [
        ...expr
          .replaceAll(/"[^"]*"/g, '')
          .matchAll(
            /(?:stage:)?\b(?:millrace|messaging|process|nodejs|v8js)_[\w:]+(?=\s*[{[)]|\s|$)/g,
          ),
      ].map(([name]) => name),
    )
    const unknown = names.filter(
      (name) => !known.has(name) && !recorded.has(name) && !isLabel(name),
    )
    expect(new Set(unknown)).toEqual(new Set())
    expect(names.length).toBeGreaterThan(100)
  })

  it('has a test for every alert', () => {
    const tests = readFileSync(join(deploy, 'prometheus/rules.test.yaml'), 'utf8')
    const untested = rules.filter(
      ({ alert }) => alert !== undefined && !tests.includes(`alertname: ${alert}\n`),
    )
    expect(untested.map(({ alert }) => alert)).toEqual([])
  })

  it('has dashboards that Grafana can tell apart, each with its data source as a variable', () => {
    const folder = join(deploy, 'grafana/dashboards')
    const uids = readdirSync(folder).map((file) => {
      const dashboard = JSON.parse(readFileSync(join(folder, file), 'utf8')) as {
        uid: string
        panels: readonly { id: number; datasource?: { uid: string } }[]
      }
      const ids = dashboard.panels.map(({ id }) => id)
      expect(new Set(ids).size).toBe(ids.length)
      for (const { datasource } of dashboard.panels)
        expect(datasource?.uid ?? '${DS_PROMETHEUS}').toBe('${DS_PROMETHEUS}')
      return dashboard.uid
    })
    expect(new Set(uids).size).toBe(4)
  })

  it('opens ports of this machine only, and mounts files that are there', () => {
    const { services, volumes } = yaml('compose.yaml') as Compose
    for (const { ports = [], volumes: mounts = [], depends_on = {} } of Object.values(services)) {
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/)
      for (const mount of mounts.filter((each) => each.startsWith('.')))
        expect(existsSync(join(deploy, mount.split(':')[0]!))).toBe(true)
      for (const mount of mounts.filter((each) => /^[a-z]/.test(each)))
        expect(Object.keys(volumes)).toContain(mount.split(':')[0])
      const needed = Array.isArray(depends_on) ? (depends_on as string[]) : Object.keys(depends_on)
      for (const service of needed) expect(Object.keys(services)).toContain(service)
    }
  })

  it('names the services of the compose file, by the ports that they have', () => {
    const { services } = yaml('compose.yaml') as Compose
    const texts = [
      'prometheus/prometheus.yaml',
      'otel-collector/config.yaml',
      'grafana/provisioning/datasources/millrace.yaml',
    ].map((file) => readFileSync(join(deploy, file), 'utf8').replaceAll(/#.*/g, ''))
    const hosts = texts.flatMap((text) =>
      [...text.matchAll(/(?:https?:\/\/|"|endpoint: )([a-z][a-z-]+):\d{4,5}\b/g)].map(
        ([, host]) => host!,
      ),
    )
    expect(hosts.length).toBeGreaterThan(4)
    for (const host of hosts) expect(Object.keys(services)).toContain(host)
    expect(services['millrace']!.command!.join(' ')).toContain(
      '--metrics 0.0.0.0:9464 --metrics-open',
    )
  })

  it('has links in its page that lead somewhere', () => {
    const page = readFileSync(join(deploy, 'README.md'), 'utf8')
    for (const [, path] of page.matchAll(/\]\(([^)#]+)\)/g))
      expect(existsSync(join(dirname(join(deploy, 'README.md')), path!))).toBe(true)
  })
})

describe('the health check of the image', () => {
  const check = async (port: number) => {
    const env = { METRICS_PORT: String(port) }
    return (await runCommand(process.execPath, [join(deploy, 'health-check.mjs')], { env })).code
  }

  it('passes a run that lives, and one without metrics', async () => {
    expect(await answered((_, response) => response.end('ok\n'))).toBe(0)
    const [free] = await freePorts(1)
    expect(await check(free!)).toBe(0)
  })

  it('fails one that hangs or is in trouble', async () => {
    expect(await answered(() => {})).toBe(1)
    expect(await answered((_, response) => response.writeHead(503).end())).toBe(1)
  })

  async function answered(listener: RequestListener): Promise<number | null> {
    const server = createServer(listener).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const code = await check((server.address() as AddressInfo).port)
    server.closeAllConnections()
    server.close()
    return code
  }
})

function isLabel(name: string): boolean {
  const attributes = Object.values(metricTable).flatMap(
    (metric) => metric.attributes as readonly string[],
  )
  return attributes.some((attribute) => attribute.replaceAll('.', '_') === name)
}
