import { describe, expect, it } from 'vitest'
import type { SliceBatch, TaskLog } from '../../src/core/log.ts'
import { RecordBatchBuilder } from '../../src/core/record-batch-builder.ts'
import { emptyBytes } from '../../src/core/record-batch.ts'
import { LogInput } from '../../src/runtime/task-input.ts'

const inputs = [
  { topic: 't', partition: 0 },
  { topic: 't', partition: 1 },
]
const request = { waitMs: 0, signal: new AbortController().signal }

function batchAt(partition: number, visibleUs: number, ingestUs = 0): SliceBatch {
  const builder = new RecordBatchBuilder('w')
  builder.append({
    key: null,
    value: '{}',
    headers: emptyBytes,
    times: { timestampMs: 0, eventTimeMs: Number.NaN, ingestUs, waitUs: 20, runUs: 3 },
  })
  const batch = builder.finish()
  return { topic: 't', partition, baseOffset: 0n, batch, from: 0, next: 1n, visibleUs }
}

/** An input over a log that says what the test says. */
function anInput() {
  const log = { pulls: [] as (readonly SliceBatch[] | null)[], lags: [0, 0], nowUs: 1_000 }
  const input = new LogInput(
    {
      pull: async () => log.pulls.shift() ?? null,
      lag: async () => log.lags,
    } as unknown as TaskLog,
    inputs,
    () => log.nowUs,
  )
  return { log, input }
}

describe('how far a task is behind', () => {
  it('is not known in time before anything was read', async () => {
    const { log, input } = anInput()
    log.lags = [5, 0]
    const [first, second] = await input.backlog()
    expect(first).toMatchObject({ topic: 't', partition: 0, records: 5, sinceUs: Number.NaN })
    expect(second).toMatchObject({ records: 0, sinceUs: 1_000 })
  })

  it('is at most the time since the last record that was read could be read', async () => {
    const { log, input } = anInput()
    log.pulls = [[batchAt(0, 400), batchAt(0, 700)]]
    await input.next(request)
    log.lags = [5, 0]
    expect((await input.backlog())[0]).toMatchObject({ records: 5, sinceUs: 700 })
  })

  it('falls back to when a record was written, where the log cannot say when it could be read', async () => {
    const { log, input } = anInput()
    log.pulls = [[batchAt(1, Number.NaN, 300)]]
    await input.next(request)
    log.lags = [0, 2]
    expect((await input.backlog())[1]).toMatchObject({ records: 2, sinceUs: 323 })
  })

  it('begins anew whenever nothing waits, however long ago the last record was read', async () => {
    const { log, input } = anInput()
    log.pulls = [[batchAt(0, 400)], null]
    await input.next(request)
    log.nowUs = 9_000
    await input.next(request)
    log.lags = [1, 1]
    log.nowUs = 9_500
    expect((await input.backlog()).map(({ sinceUs }) => sinceUs)).toEqual([9_000, 9_000])
    log.lags = [0, 1]
    await input.backlog()
    log.lags = [1, 1]
    log.nowUs = 9_900
    expect((await input.backlog()).map(({ sinceUs }) => sinceUs)).toEqual([9_500, 9_000])
  })
})
