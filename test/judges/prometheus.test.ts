import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createSystemClock } from '../../src/clock/system-clock.ts'
import { freePorts } from '../kafka/broker/ports.ts'
import { runCommand } from '../kafka/broker/run-command.ts'
import { metricsOf } from '../telemetry/otlp-metrics.ts'
import { startOtlpReceiver, type OtlpReceiver } from '../telemetry/otlp-receiver.ts'
import { CliProcess, Workspace } from '../e2e/cli-process.ts'
import { dashboardQueries } from './dashboards.ts'
import { PrometheusServer } from './prometheus-server.ts'
import { havePrometheus } from './prometheus-tools.ts'

/** Of every eight records, two are dropped and one fails. */
const records = 8_000
const perSecond = 400
const shop = `pipeline: shop
stages:
  - name: ingest
    source:
      generate:
        count: ${records}
        rate: ${perSecond}/s
        template: { n: { $sequence: 0 }, kind: { $choice: [a, b, c] } }
    key: value.kind
    to: shop.raw
  - name: clean
    from: shop.raw
    steps:
      - filter: value.n % 4 != 0
      - require: value.n % 8 != 1
    hooks:
      - on: [batch_processed]
        do: { log: { level: debug } }
    to: shop.clean
  - name: write
    from: shop.clean
    sink:
      file: { path: ./out.ndjson }
`
/** Seconds of event time: of the windows of 10 s the first two close, and what comes for them then is late. */
const readings = [1, 2, 9, 11, 12, 25, 3, 4, 26]
const windows = { emitted: 4, late: 2, open: 2 }
/** Windows that stay open, and a sink that nobody answers for: it is blocked, and tries again and again. */
const away = (port: number) => `pipeline: away
connections:
  main: { kafka: { brokers: ["127.0.0.1:${port}"] } }
stages:
  - { name: read, source: { stdin: {} }, to: away.raw }
  - name: totals
    from: away.raw
    event_time: value.at
    steps:
      - aggregate:
          window: { tumbling: 10s, grace: 0s }
          by: value.kind
          at_end: keep
          fields: { n: count() }
    to: away.totals
  - { name: mirror, from: away.raw, sink: { kafka: { connection: main, topic: away.out } } }
topics:
  away.raw: { partitions: 1 }
`
const clock = createSystemClock()
const rules = join(process.cwd(), 'deploy/prometheus/rules.yaml')

interface Report {
  readonly pipelines: readonly {
    readonly stages: readonly {
      readonly stage: string
      readonly n: number
      readonly T: number
      readonly D: number
    }[]
  }[]
}

interface ExemplarSeries {
  readonly seriesLabels: Readonly<Record<string, string>>
  readonly exemplars: readonly {
    readonly labels: Readonly<Record<string, string>>
    readonly value: string
  }[]
}

describe.skipIf(!(await havePrometheus()))('a run that Prometheus scrapes', () => {
  const workspace = new Workspace({ 'shop.yaml': shop })
  let run: CliProcess
  let prometheus: PrometheusServer
  let receiver: OtlpReceiver
  let blocked: CliProcess
  let beganMs = 0
  let address = ''

  beforeAll(async () => {
    const [port, awayPort, nobody] = await freePorts(3)
    address = `127.0.0.1:${port}`
    const awayAddress = `127.0.0.1:${awayPort}`
    workspace.write('away.yaml', away(nobody!))
    const args = ['run', 'away.yaml', '--follow', '--metrics', awayAddress, '--data-dir', 'away']
    beganMs = 10_000 * Math.floor(clock.wallMs() / 10_000) - 60_000
    const lines = readings.map((second, n) =>
      JSON.stringify({ kind: n % 2, at: new Date(beganMs + 1_000 * second).toISOString() }),
    )
    blocked = new CliProcess(args, { cwd: workspace.folder, input: lines.join('\n') })
    receiver = await startOtlpReceiver()
    run = new CliProcess(['run', 'shop.yaml', '--follow', '--json', '--metrics', address], {
      cwd: workspace.folder,
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_METRIC_EXPORT_INTERVAL: '1000' },
    })
    await run.until(({ stderr }) => stderr.includes(`metrics are at http://${address}/metrics`))
    prometheus = await PrometheusServer.start({ targets: [address, awayAddress], rules: [rules] })
    // Some 12 s of records lie behind, and 8 s are still to come.
    await prometheus.until(
      async () =>
        (await prometheus.value(
          'sum(millrace_stage_messages_total{millrace_stage_name="ingest",outcome="ok"})',
        )) > 4_800,
    )
  }, 120_000)

  afterAll(async () => {
    blocked?.child.kill('SIGKILL')
    await prometheus?.stop()
    await receiver?.close()
    workspace.remove()
  })

  /** Records sent so far, by topic. */
  async function sent(): Promise<Readonly<Record<string, number>>> {
    const samples = await prometheus.query(
      'sum by (messaging_destination_name) (messaging_client_sent_messages_total)',
    )
    return Object.fromEntries(
      samples.map(({ metric, values }) => [metric['messaging_destination_name']!, values[0]!]),
    )
  }

  it('answers every query of every panel of every dashboard', async () => {
    const empty: string[] = []
    const queries = dashboardQueries()
    for (const { dashboard, panel, expr } of queries) {
      const samples = await prometheus.queryRange(expr, 3)
      if (!samples.some(({ values }) => values.some((value) => Number.isFinite(value))))
        empty.push(`${dashboard}, ${panel}: ${expr}`)
    }
    expect(empty).toEqual([])
    expect(queries.length).toBeGreaterThan(50)
  })

  it('finds a query without data, and one that is none', async () => {
    expect(await prometheus.queryRange('rate(millrace_no_such_metric_total[8s])', 3)).toEqual([])
    await expect(prometheus.queryRange('sum by (', 3)).rejects.toThrow(/parse error/)
  })

  it('has the rates that the input has', async () => {
    const rate = async (stage: string) =>
      prometheus.value(
        `sum(rate(messaging_client_consumed_messages_total{millrace_stage_name="${stage}"}[8s]))`,
      )
    expect(Math.abs((await rate('ingest')) - perSecond)).toBeLessThan(0.1 * perSecond)
    expect(Math.abs((await rate('write')) - (perSecond * 5) / 8)).toBeLessThan(0.1 * perSecond)
  })

  it('has trace ids beside the buckets, as spans that were sent', async () => {
    const query = dashboardQueries().find(({ panel }) => panel === 'Waiting time, p99')
    expect(query?.exemplar).toBe(true)
    const now = await prometheus.value('vector(time())')
    const series = (await prometheus.get('query_exemplars', {
      query: query!.expr,
      start: String(now - 30),
      end: String(now + 1),
    })) as readonly ExemplarSeries[]
    const exemplars = series.flatMap((each) => each.exemplars)
    expect(exemplars.length).toBeGreaterThan(0)
    const known = new Set(receiver.spans.map(({ traceId, spanId }) => `${traceId}/${spanId}`))
    // The last ones may still be on their way to the collector.
    const found = exemplars.filter(({ labels }) =>
      known.has(`${labels['trace_id']}/${labels['span_id']}`),
    )
    expect(found.length).toBeGreaterThan(exemplars.length / 2)
  })

  it('records what the rules record, and alerts of dead letters and the blocked stage only', async () => {
    await prometheus.until(
      async () => (await prometheus.query('stage:millrace_records:rate5m')).length === 6,
    )
    expect(
      await prometheus.value('stage:millrace_utilisation:ratio5m{millrace_stage_name="clean"}'),
    ).toBeGreaterThan(0)
    const alerts = await prometheus.query('ALERTS{alertname!="MillraceDeadLetters"}')
    expect(alerts.map(({ metric }) => metric)).toMatchObject([
      { alertname: 'MillraceStageBlocked', alertstate: 'pending', millrace_stage_name: 'mirror' },
    ])
  })

  it('has the windows that came out and those that are open, and their watermark', async () => {
    const where = '{millrace_name="away",millrace_stage_part="totals"}'
    for (const [name, count] of Object.entries({
      millrace_window_emitted_total: windows.emitted,
      millrace_window_late_total: windows.late,
      millrace_window_open: windows.open,
    }))
      expect(await prometheus.value(`${name}${where}`), name).toBe(count)
    expect(await prometheus.value(`millrace_window_state_size_bytes${where}`)).toBeGreaterThan(0)
    const lag = await prometheus.value(
      `timestamp(millrace_window_watermark_lag_seconds${where}) - millrace_window_watermark_lag_seconds${where}`,
    )
    expect(Math.abs(lag - (beganMs / 1_000 + 26))).toBeLessThan(1)
    expect(await sent()).toMatchObject({
      'away.raw': readings.length,
      'away.totals': windows.emitted,
      'away.totals.late': windows.late,
    })
  })

  it('has the attempts of a sink that nobody answers for, by error, and what waits for it', async () => {
    const where = '{millrace_name="away",millrace_stage_name="mirror"}'
    const [retries, ...others] = await prometheus.query(`millrace_stage_retries_total${where}`)
    expect(others).toEqual([])
    expect(retries!.metric['error_type']).toBe('PEER_UNAVAILABLE')
    expect(retries!.values[0]).toBeGreaterThan(2)
    expect(await prometheus.value(`millrace_stage_blocked_ratio${where}`)).toBe(1)
    expect(await prometheus.value(`sum(millrace_stage_backlog${where})`)).toBe(readings.length)
    blocked.child.kill('SIGKILL')
    // What is gone has no values any more, and waits for nothing.
    await prometheus.until(async () => (await prometheus.query(`up == 0`)).length === 1)
  })

  it('serves text that promtool finds no fault with', async () => {
    const text = await (await fetch(`http://${address}/metrics`)).text()
    const { code, stdout, stderr } = await runCommand('promtool', ['check', 'metrics'], {
      input: text,
    })
    expect(`${stdout}${stderr}`).toBe('')
    expect(code).toBe(0)
  })

  it('says that it is live and ready', async () => {
    for (const path of ['livez', 'readyz']) {
      expect((await fetch(`http://${address}/${path}`)).status).toBe(200)
    }
  })

  it('has the totals of the run, and T and D of its report', async () => {
    const total = (name: string, more = '') =>
      prometheus.value(`sum(${name}{millrace_stage_name="clean"${more}})`)
    await prometheus.until(
      async () => (await total('messaging_client_consumed_messages_total')) === records,
    )
    await prometheus.until(
      async () =>
        (await prometheus.value(
          'sum(messaging_client_consumed_messages_total{millrace_stage_name="write"})',
        )) ===
        (records * 5) / 8,
    )
    expect(await total('millrace_stage_messages_total', ',outcome="filtered"')).toBe(records / 4)
    expect(await total('millrace_stage_drops_total', ',reason="filter"')).toBe(records / 4)
    expect(await total('millrace_dlq_messages_total')).toBe(records / 8)
    expect(await total('millrace_stage_failures_total', ',error_type="RECORD_REQUIRED"')).toBe(
      records / 8,
    )
    expect(await total('messaging_process_duration_seconds_bucket', ',le="+Inf"')).toBe(records)
    expect(await prometheus.value('sum(millrace_stage_inflight)')).toBe(0)
    expect(await sent()).toEqual({
      'shop.raw': records,
      'shop.clean': (records * 5) / 8,
      'shop.clean.dlq': records / 8,
    })
    // One commit for each slice, and the poll that it came from.
    for (const operation of ['poll', 'commit']) {
      const name = 'messaging_client_operation_duration_seconds_count'
      const count = await total(name, `,messaging_operation_name="${operation}"`)
      expect(count).toBe(await total('millrace_stage_slices_total'))
    }
    expect(await prometheus.value('max(millrace_stage_lag_time_seconds)')).toBe(0)
    // Each record's own way: all it waited and ran at the three stages, and nothing between them.
    expect(await prometheus.value('millrace_message_duration_seconds_count')).toBe(
      (records * 5) / 8,
    )
    const mean = await prometheus.value(
      'millrace_message_duration_seconds_sum / millrace_message_duration_seconds_count',
    )
    const stages = await prometheus.value(
      'sum((millrace_stage_wait_duration_seconds_sum + on (millrace_stage_name) messaging_process_duration_seconds_sum) / on (millrace_stage_name) messaging_process_duration_seconds_count)',
    )
    expect(mean / stages).toBeCloseTo(1, 1)
    const panel = async (dashboard: string, title: string) => {
      const query = dashboardQueries().find(
        (each) => each.dashboard === dashboard && each.panel === title,
      )
      return prometheus.value(query!.expr)
    }
    expect(await panel('dead-letters.json', 'Since the start')).toBe(records / 8)
    expect(await panel('dead-letters.json', 'By stage and error code since the start')).toBe(
      records / 8,
    )
    expect(await panel('overview.json', 'Pipelines running')).toBe(1)
    expect(await panel('lag.json', 'Records waiting')).toBe(0)
    expect(await panel('lag.json', 'Partitions that are behind')).toBe(0)
    const byStage = async (name: string) => {
      const samples = await prometheus.query(`sum by (millrace_stage_name) (${name})`)
      return new Map(
        samples.map(({ metric, values }) => [metric['millrace_stage_name'], values[0]!]),
      )
    }
    const T = await byStage('messaging_process_duration_seconds_sum')
    const busy = await byStage('millrace_stage_busy_time_seconds_total')
    const D = await byStage('millrace_stage_wait_duration_seconds_sum')
    const parts = await byStage('millrace_stage_wait_time_seconds_total')
    run.child.kill('SIGTERM')
    const { code, stdout } = await run.ended
    expect(code).toBe(0)
    const { pipelines } = JSON.parse(stdout) as Report
    for (const { stage, T: reportT, D: reportD } of pipelines[0]!.stages) {
      expect(T.get(stage)).toBeCloseTo(reportT / 1_000, 6)
      expect(busy.get(stage)).toBeCloseTo(reportT / 1_000, 6)
      expect(D.get(stage)).toBeCloseTo(reportD / 1_000, 6)
      expect(parts.get(stage)).toBeCloseTo(reportD / 1_000, 6)
    }
    expect(readFileSync(workspace.path('out.ndjson'), 'utf8').split('\n')).toHaveLength(
      (records * 5) / 8 + 1,
    )
  })

  it('has sent the same by OTLP, the last time when it ended', async () => {
    run.child.kill('SIGTERM')
    await run.ended
    const last = receiver.requests.findLast(({ path }) => path === '/v1/metrics')!
    const metrics = new Map(metricsOf(last.body).map((metric) => [metric.name, metric]))
    const of = (name: string, stage: string) =>
      metrics
        .get(name)!
        .points.filter(({ attributes }) => attributes['millrace.stage.name'] === stage)
    expect(metrics.get('messaging.process.duration')).toMatchObject({
      kind: 'exponential',
      unit: 's',
      temporality: 2,
    })
    const [wait] = of('millrace.stage.wait.duration', 'clean')
    expect(wait!.count).toBe(records)
    expect(wait!.counts.reduce((sum, count) => sum + count, wait!.zeroCount)).toBe(records)
    expect(wait!.counts.length).toBeLessThanOrEqual(160)
    expect(of('messaging.client.consumed.messages', 'ingest')[0]!.value).toBe(records)
    expect(metrics.get('process.cpu.time')?.kind).toBe('sum')
    expect(metrics.get('millrace.stage.backlog')?.kind ?? 'gauge').toBe('gauge')
    expect(metricsOf(last.body)[0]!.resource['service.name']).toBe('millrace')
  })
})
