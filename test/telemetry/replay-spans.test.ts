import { expect, it } from 'vitest'
import { openTracing } from './span-scene.ts'

it('a dead letter that is written back is a trace of its own, with a link to the one in which it failed', async () => {
  const tracing = await openTracing()
  const link = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) }
  tracing.telemetry.tracing.replayed({
    traceId: '1'.repeat(32),
    spanId: '2'.repeat(16),
    link,
    pipeline: 'orders',
    stage: 'clean',
    topic: 'orders.clean.replay',
    partition: 3,
    letter: 'orders.clean.dlq/3/17',
    code: 'RECORD_CAST',
    attempt: 2,
    startUs: 1_000_000,
    endUs: 1_250_000,
  })
  const [span, ...others] = await tracing.spans()
  expect(others).toEqual([])
  expect(span).toMatchObject({
    name: 'replay orders.clean.replay',
    traceId: '1'.repeat(32),
    attributes: {
      'millrace.attempts': 2,
      'millrace.dlq.reason': 'RECORD_CAST',
      'millrace.replay.id': 'orders.clean.dlq/3/17',
      'messaging.destination.partition.id': '3',
    },
  })
  expect(span!.links).toMatchObject([link])
})
