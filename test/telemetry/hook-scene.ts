import { expect } from 'vitest'
import type { HookEvent } from '../../src/core/hook.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { encodeHeaders } from '../../src/core/record-batch.ts'
import {
  plannedListener,
  plannedSink,
  plannedSource,
  RunBench,
  until,
} from '../runtime/run-fixture.ts'
import type { ReceivedSpan } from './otlp-spans.ts'
import { openTracing } from './span-scene.ts'

export interface HookScene {
  readonly notify?: (event: HookEvent, bench: RunBench) => Promise<void> | void
  readonly values?: readonly JsonObject[]
  readonly headers?: Uint8Array
  readonly write?: Parameters<typeof plannedSink>[1]
  readonly steps?: string
  readonly on: string
  readonly tracing: string
  readonly reliable?: boolean
}

/** A source, and a stage with one listener behind it. */
export async function hooked(scene: HookScene) {
  const { notify = () => {}, values = [{ n: 1 }], on, tracing: settings, steps = '[]' } = scene
  const eventTime = steps.includes('window') ? 'event_time: value.ts' : ''
  const text = `
pipeline: p
tracing: { ${settings} }
stages:
  - { name: ingest, source: { plan: 1 }, to: one }
  - name: work
    from: one
    ${eventTime}
    steps: ${steps}
    retry: { max: 3 }
    sink: { kept: 1 }
    hooks:
      - { on: ${on}, do: { told: 1 }, reliable: ${scene.reliable ?? false} }
`
  const bench = new RunBench()
  const tracing = await openTracing()
  const told = plannedListener('told', (event) => notify(event, bench))
  const sink = plannedSink('kept', scene.write ?? (() => []))
  const { headers = encodeHeaders([]) } = scene
  const source = plannedSource('plan', { values, sliceSize: 100, headers }, bench.clock)
  const topology = bench.topology(text, {
    sources: [source],
    sinks: [sink.definition],
    listeners: [told.definition],
    partitions: 1,
  })
  const run = await bench.start([topology], { telemetry: tracing.telemetry })
  let isOver = false
  void run.done.then(() => (isOver = true))
  await until(async () => {
    await bench.clock.advance(10)
    return isOver
  })
  expect(run.runs[0]!.error).toBe(null)
  const { counts } = tracing.telemetry.tracing
  return { spans: await tracing.spans(), events: told.events, bench, counts }
}

export function hooksOf(spans: readonly ReceivedSpan[]): ReceivedSpan[] {
  return spans.filter(({ name }) => name.startsWith('hook '))
}
