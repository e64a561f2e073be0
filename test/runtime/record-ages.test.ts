import { describe, expect, it } from 'vitest'
import { RecordBatchBuilder } from '../../src/core/record-batch-builder.ts'
import { emptyBytes } from '../../src/core/record-batch.ts'
import { meterDelta } from '../../src/runtime/meter-delta.ts'
import { StageMeter } from '../../src/runtime/stage-meter.ts'

/** Records that came in at these times; negative for markers, which are none. */
function batchOf(...ingestUs: readonly number[]) {
  const builder = new RecordBatchBuilder('w')
  for (const us of ingestUs) {
    builder.append({
      key: null,
      value: '{}',
      headers: emptyBytes,
      times: { timestampMs: 0, eventTimeMs: 0, ingestUs: Math.abs(us), waitUs: 7, runUs: 5 },
      marker: us < 0,
    })
  }
  return builder.finish()
}

describe('the time of records from end to end', () => {
  it('is that since they came in, of records alone, and from the slice on', () => {
    const meter = new StageMeter()
    meter.addAges([{ batch: batchOf(100, 200, -300, 400), from: 1 }], 1_000)
    expect(meter.age).toMatchObject({ count: 2, sumUs: 800 + 600, maxUs: 800 })
  })

  it('is added up over processes, and what came since is told apart', () => {
    const meter = new StageMeter()
    meter.addAges([{ batch: batchOf(0), from: 0 }], 1_000)
    const before = meter.toData()
    meter.addAges([{ batch: batchOf(0, 0), from: 0 }], 3_000)
    expect(meterDelta(meter.toData(), before).age).toMatchObject({ count: 2, sumUs: 6_000 })
    const all = new StageMeter()
    all.addData(meter.toData())
    all.addData(before)
    expect(all.age).toMatchObject({ count: 4, sumUs: 8_000, maxUs: 3_000 })
  })
})
