import { join } from 'node:path'
import { createSystemClock } from '../../src/clock/system-clock.ts'
import { emptyBytes, type RecordBatch } from '../../src/core/record-batch.ts'
import { RecordBatchBuilder } from '../../src/core/record-batch-builder.ts'
import { openEmbeddedLog } from '../../src/logs/embedded/open-embedded-log.ts'
import type { Figure } from './run.ts'

const batches = 1_000
const recordsPerBatch = 500
const value = 'x'.repeat(230)

/** Appends and reads batches of 500 records of 230 bytes, each commit with two of them and an fsync. */
export async function benchLog(folder: string): Promise<Figure[]> {
  const log = await openEmbeddedLog({ directory: join(folder, 'log'), clock: createSystemClock() })
  await log.admin.ensureTopics([{ name: 'bench', partitions: 2, retentionMs: null }])
  const writer = await log.openTask({
    id: 'bench/0',
    group: 'bench',
    inputs: [],
    start: 'earliest',
  })
  const made = Array.from({ length: batches }, makeBatch)
  const appendStart = performance.now()
  const commits: Promise<unknown>[] = []
  for (let index = 0; index < batches; index += 2) {
    const outputs = [0, 1].map((partition) => ({
      topic: 'bench',
      partition,
      batch: made[index + partition]!,
    }))
    commits.push(writer.commit({ outputs, state: [], next: [] }))
  }
  await Promise.all(commits)
  const appended = (1_000 * batches * recordsPerBatch) / (performance.now() - appendStart)
  const inputs = [0, 1].map((partition) => ({ topic: 'bench', partition }))
  const reader = await log.openTask({ id: 'read/0', group: 'read', inputs, start: 'earliest' })
  const read = await readAll(reader)
  await log.close()
  return [
    {
      what: 'embedded log, append (FULL sync)',
      value: `${Math.round(appended)} records/s`,
      aim: '',
    },
    { what: 'embedded log, read and checked', value: `${Math.round(read)} records/s`, aim: '' },
  ]
}

async function readAll(
  reader: Awaited<ReturnType<Awaited<ReturnType<typeof openEmbeddedLog>>['openTask']>>,
): Promise<number> {
  const { signal } = new AbortController()
  const start = performance.now()
  let records = 0
  for (;;) {
    const slice = await reader.pull({ maxRecords: 4_096, maxBytes: 2 ** 20, waitMs: 0, signal })
    if (slice === null) return (1_000 * records) / (performance.now() - start)
    for (const { batch } of slice) records += batch.count
  }
}

function makeBatch(): RecordBatch {
  const builder = new RecordBatchBuilder('bench/0')
  const times = { timestampMs: 0, eventTimeMs: Number.NaN, ingestUs: 0, waitUs: 0, runUs: 0 }
  for (let index = 0; index < recordsPerBatch; index++) {
    builder.append({ key: 'key-1', value, headers: emptyBytes, times: { ...times, waitUs: index } })
  }
  return builder.finish()
}
