import { writeSync } from 'node:fs'
import { createSystemClock } from '../../../src/clock/system-clock.ts'
import { PipelineError } from '../../../src/core/errors.ts'
import type { Log, TaskLog } from '../../../src/core/log.ts'
import { openWritableLog } from '../../../src/logs/embedded/open-embedded-log.ts'
import { batchOf, valuesOf } from '../../conformance/batches.ts'

/**
 * A process of its own that a test can kill: fills the topic `in` and copies it to `out`, keeping
 * count in its state, and says each commit that was answered. Started again, it goes on. Arguments: a
 * `CopierOptions` as JSON.
 */
export interface CopierOptions {
  readonly directory: string
  readonly batches: number
  readonly recordsPerBatch: number
  readonly failpoint?: string
  /** Keep the log open until killed. */
  readonly stays?: boolean
}

export const topics = [
  { name: 'in', partitions: 1, retentionMs: 1_000 },
  { name: 'out', partitions: 1, retentionMs: null },
]
const source = { topic: 'in', partition: 0 }
const target = { topic: 'out', partition: 0 }
export const copierTask = {
  id: 'p.copy/0',
  group: 'copy',
  inputs: [source],
  start: 'earliest',
} as const
const feederTask = { id: 'p.feed/0', group: 'feed', inputs: [], start: 'earliest' } as const

async function feed(log: Log, { batches, recordsPerBatch }: CopierOptions): Promise<void> {
  const task = await log.openTask(feederTask)
  const [done] = await task.restore()
  for (let number = Number(done?.value ?? 0); number < batches; number++) {
    const records = Array.from({ length: recordsPerBatch }, (_, index) => {
      return { value: `v${number * recordsPerBatch + index}`, timestampMs: 1 }
    })
    const state = [{ step: 'feed', key: 'done', value: String(number + 1), dueMs: null }]
    await task.commit({ outputs: [{ ...source, batch: batchOf(records) }], state, next: [] })
    say(`fed ${(number + 1) * recordsPerBatch}`)
  }
}

async function copy(task: TaskLog): Promise<void> {
  const [entry] = await task.restore()
  let count = Number(entry?.value ?? 0)
  const { signal } = new AbortController()
  while (true) {
    const slices = await task.pull({ maxRecords: 20, maxBytes: 1e6, waitMs: 0, signal })
    if (slices === null) return
    const values = valuesOf(slices)
    count += values.length
    const batch = batchOf(values.map((value) => ({ value })))
    const { visibleUs } = await task.commit({
      outputs: [{ ...target, batch }],
      state: [{ step: 'copy', key: 'count', value: String(count), dueMs: null }],
      next: [{ ...source, offset: slices.at(-1)!.next }],
    })
    say(`copied ${count} at ${visibleUs}`)
  }
}

/** Unbuffered: what was said before a kill arrives. */
function say(line: string): void {
  writeSync(1, `${line}\n`)
}

async function main(options: CopierOptions): Promise<void> {
  const { directory, failpoint } = options
  const log = await openWritableLog({
    directory,
    clock: createSystemClock(),
    notice: say,
    failpoint,
  })
  say('opened')
  await log.admin.ensureTopics(topics)
  // Before the first record: retention keeps only what some group still has to read.
  const copier = await log.openTask(copierTask)
  await feed(log, options)
  await copy(copier)
  await log.applyRetention()
  say('finished')
  if (options.stays === true) await new Promise(() => process.stdin.resume())
  await log.close()
  say('closed')
}

if (import.meta.main) {
  try {
    await main(JSON.parse(process.argv[2] ?? '') as CopierOptions)
  } catch (error) {
    if (!(error instanceof PipelineError)) throw error
    say(`${error.code}: ${error.message}`)
    process.exitCode = 1
  }
}
