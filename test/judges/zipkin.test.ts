import { afterAll, describe, expect, inject, it } from 'vitest'
import { millrace, Workspace } from '../e2e/cli-process.ts'
import { startOtlpReceiver } from '../telemetry/otlp-receiver.ts'
import type { ReceivedSpan } from '../telemetry/otlp-spans.ts'
import { byTrace, named } from '../telemetry/span-scene.ts'
import { ask, postSpans, type ZipkinSpan } from './zipkin.ts'

const zipkin = inject('zipkin')
const pipeline = `pipeline: shop
stages:
  - name: ingest
    source:
      generate:
        count: 3000
        seed: 42
        template: { n: { $integer: [0, 99] }, user: { $format: ["u-%d", { $integer: [0, 9] }] } }
    key: value.user
    to: raw
  - name: clean
    from: raw
    steps: [ { require: value.n > 0 } ]
    to: clean
  - { name: save, from: clean, sink: { file: { path: ./out.ndjson } } }
`
const workspace = new Workspace({ 'shop.yaml': pipeline })
afterAll(() => workspace.remove())

/** The spans of one run, as a collector gets them and as it hands them on. */
async function spansOfRun(): Promise<readonly ReceivedSpan[]> {
  const receiver = await startOtlpReceiver()
  const { code, stderr } = await millrace(['run', 'shop.yaml', '--quiet'], {
    cwd: workspace.folder,
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_METRICS_EXPORTER: 'none' },
  })
  await receiver.close()
  expect(code, stderr).toBe(0)
  return receiver.spans
}

/** The tree that Zipkin makes of a trace, as indented lines. */
function treeOf(trace: readonly ZipkinSpan[]): string[] {
  const below = (parentId: string | undefined, depth: number): string[] =>
    trace
      .filter((span) => span.parentId === parentId)
      .map((span) => ({
        span,
        line: `${'  '.repeat(depth)}${span.localEndpoint.serviceName} ${span.name}`,
      }))
      .toSorted((a, b) => (a.line < b.line ? -1 : 1))
      .flatMap(({ span, line }) => [line, ...below(span.id, depth + 1)])
  return below(undefined, 0)
}

describe.skipIf(zipkin === null)('Zipkin, given the spans of a run', () => {
  it('shows the way of a record through all stages as one tree, and finds what failed', async () => {
    const url = zipkin!
    const spans = await spansOfRun()
    await postSpans(url, spans)
    const whole = byTrace(spans).find((trace) => named(trace, 'send file').length === 1)!
    const trace = await ask<ZipkinSpan[]>(
      `${url}/api/v2/trace/${whole[0]!.traceId}`,
      ({ length }) => length === whole.length,
    )
    expect(treeOf(trace)).toEqual([
      'shop.ingest send raw',
      '  shop.clean process raw',
      '    shop.clean send clean',
      '      shop.save process clean',
      '        shop.save send file',
      '      shop.save wait clean',
      '  shop.clean wait raw',
      '  shop.ingest process generate',
      '  shop.ingest wait generate',
    ])
    const services = await ask<string[]>(`${url}/api/v2/services`, ({ length }) => length >= 3)
    expect(services).toEqual(expect.arrayContaining(['shop.clean', 'shop.ingest', 'shop.save']))
    const query = new URLSearchParams({
      serviceName: 'shop.clean',
      annotationQuery: 'error=RECORD_REQUIRED',
      lookback: String(3_600_000),
    })
    const failed = await ask<ZipkinSpan[][]>(
      `${url}/api/v2/traces?${query.toString()}`,
      (traces) => traces.length > 0,
    )
    expect(failed[0]!.map(({ name }) => name)).toContain('send shop.clean.dlq')
  })
})
