import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Metric } from '../../../src/core/metric.ts'
import { classicBoundsUs } from '../../../src/telemetry/metrics/classic-buckets.ts'
import { formatFor, prometheusText } from '../../../src/telemetry/metrics/prometheus-text.ts'
import { waits } from './a-metric.ts'

const backlog = (topic: string): Metric => ({
  name: 'millrace.stage.backlog',
  points: [{ attributes: [['messaging.destination.name', topic]], value: 3 }],
})

const classic = (...metrics: readonly Metric[]) =>
  prometheusText(metrics, { format: 'prometheus', resource: [] })
const open = (...metrics: readonly Metric[]) =>
  prometheusText(metrics, { format: 'openmetrics', resource: [['service.name', 'shop']] })

describe('metrics as text for Prometheus', () => {
  it('names a counter with its unit and _total, in OpenMetrics the family without it', () => {
    const busy: Metric = {
      name: 'millrace.stage.busy.time',
      points: [{ attributes: [['millrace.name', 'shop']], value: 1.5 }],
    }
    const sample = 'millrace_stage_busy_time_seconds_total{millrace_name="shop"} 1.5\n'
    expect(classic(busy)).toContain(
      `# TYPE millrace_stage_busy_time_seconds_total counter\n${sample}`,
    )
    expect(open(busy)).toContain(
      `# TYPE millrace_stage_busy_time_seconds counter\n# UNIT millrace_stage_busy_time_seconds seconds\n${sample}`,
    )
  })

  it('ends OpenMetrics with EOF, and says what is measured', () => {
    expect(open()).toBe(
      '# HELP target What is measured.\n# TYPE target info\ntarget_info{service_name="shop"} 1\n# EOF\n',
    )
    expect(classic()).toContain('# TYPE target_info gauge\ntarget_info 1\n')
  })

  it('counts durations up to each bound, which both formats name alike', () => {
    const metric = waits([5, 90, 90, 900_000, 1e9])
    for (const text of [classic(metric), open(metric)]) {
      const name = 'millrace_stage_wait_duration_seconds'
      const bucket = (le: string) =>
        new RegExp(`${name}_bucket\\{millrace_stage_name="clean",le="${le}"\\} (\\d+)`).exec(
          text,
        )?.[1]
      expect(['0.00001', '0.0001', '1.0', '300.0', '\\+Inf'].map(bucket)).toEqual([
        '1',
        '3',
        '4',
        '4',
        '5',
      ])
      expect(bucket('0.000025')).toBe('1')
      expect(text).toContain(`${name}_count{millrace_stage_name="clean"} 5\n`)
      expect(text).toContain(`${name}_sum{millrace_stage_name="clean"} 1000.900185\n`)
    }
  })

  it('never counts less at a higher bound, and all at the last', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e10, noNaN: true })), (values) => {
        const counts = classic(waits(values))
          .split('\n')
          .filter((line) => line.includes('_bucket'))
          .map((line) => Number(line.split(' ').at(-1)))
        expect(counts).toHaveLength(classicBoundsUs.length + 1)
        expect(counts).toEqual(counts.toSorted((a, b) => a - b))
        expect(counts.at(-1)).toBe(values.length)
      }),
    )
  })

  it('puts the trace of a record beside its bucket, in OpenMetrics only', () => {
    const exemplars = [
      {
        traceId: '0af7651916cd43dd8448eb211c80319c',
        spanId: 'b7ad6b7169203331',
        valueUs: 1_500,
        timeUs: 1.7e15,
      },
    ]
    const metric = waits([1_500], { exemplars })
    const lines = open(metric)
      .split('\n')
      .filter((line) => line.includes(' # '))
    expect(lines).toEqual([
      'millrace_stage_wait_duration_seconds_bucket{millrace_stage_name="clean",le="0.0025"} 1' +
        ' # {trace_id="0af7651916cd43dd8448eb211c80319c",span_id="b7ad6b7169203331"} 0.0015 1700000000.000',
    ])
    expect(classic(metric)).not.toContain(' # {')
  })

  it('lets nothing of a value end its quotes or its line', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (topic) => {
        const line = classic(backlog(topic))
          .split('\n')
          .find((each) => each.startsWith('millrace'))!
        const escaped =
          /^millrace_stage_backlog\{messaging_destination_name="((?:[^"\\\n]|\\["\\n])*)"\} 3$/.exec(
            line,
          )?.[1]
        const read = escaped?.replaceAll(/\\(.)/g, (_, each: string) =>
          each === 'n' ? '\n' : each,
        )
        expect(read).toBe(topic.toWellFormed())
      }),
    )
  })

  it('gives OpenMetrics to those who ask for it', () => {
    expect(formatFor('application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2')).toBe(
      'openmetrics',
    )
    for (const accept of [undefined, '', '*/*', 'text/plain'])
      expect(formatFor(accept)).toBe('prometheus')
  })
})
