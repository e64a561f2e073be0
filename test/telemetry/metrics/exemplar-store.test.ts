import { describe, expect, it } from 'vitest'
import type { CommittedTraces, TracedRecord } from '../../../src/core/telemetry.ts'
import { ExemplarStore, maxExemplarSeries } from '../../../src/telemetry/metrics/exemplar-store.ts'

function traces(
  records: readonly Partial<TracedRecord>[],
  more: Partial<CommittedTraces> = {},
): CommittedTraces {
  return {
    pipeline: 'shop',
    node: 'clean',
    committedUs: 1_000_000,
    records: records.map((record) => ({
      traceId: 'a'.repeat(32),
      processId: 'b'.repeat(16),
      queuedUs: 0,
      startUs: 400_000,
      endUs: 700_000,
      ...record,
    })),
    ...more,
  } as CommittedTraces
}

describe('the traced records beside the measurements', () => {
  it('have the durations that the histograms count: run, and wait with the commit', () => {
    const store = new ExemplarStore()
    store.add(traces([{}]))
    const ids = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), timeUs: 1_000_000 }
    expect(store.of('shop/clean', 'run')).toEqual([{ ...ids, valueUs: 300_000 }])
    expect(store.of('shop/clean', 'wait')).toEqual([{ ...ids, valueUs: 700_000 }])
    expect(store.of('shop/other', 'run')).toEqual([])
  })

  it('are the last of each bucket', () => {
    const store = new ExemplarStore()
    store.add(traces([{ traceId: '1' }, { traceId: '2' }, { traceId: '3', endUs: 400_010 }]))
    expect(store.of('shop/clean', 'run').map(({ traceId }) => traceId)).toEqual(['3', '2'])
  })

  it('come from other processes as data, where the newest counts', () => {
    const store = new ExemplarStore()
    const other = new ExemplarStore()
    store.add(traces([{ traceId: 'new' }], { committedUs: 2_000_000 }))
    other.add(traces([{ traceId: 'old' }]))
    store.addData(structuredClone(other.toData()))
    expect(store.of('shop/clean', 'run').map(({ traceId }) => traceId)).toEqual(['new'])
  })

  it('are kept of a bounded number of stages', () => {
    const store = new ExemplarStore()
    for (let index = 0; index < maxExemplarSeries; index++)
      store.add(traces([{}], { node: `stage-${index}` }))
    expect(store.toData()).toHaveLength(maxExemplarSeries)
  })
})
