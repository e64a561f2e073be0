import { writeSync } from 'node:fs'
import { PipelineError } from '../../../src/core/errors.ts'
import type { Log, TaskLog, TaskSpec } from '../../../src/core/log.ts'
import { batchOf, valuesOf } from '../../conformance/batches.ts'
import { openLog } from './kafka-log-fixture.ts'

/**
 * A process of its own that a test can kill: fills `<name>-in` and copies it to `<name>-out`, keeping
 * count in its state, and says each commit that was answered. Started again, it goes on. Arguments: a
 * `CopierOptions` as JSON.
 */
export interface CopierOptions {
  readonly brokers: string
  /** Of its topics, groups and tasks. */
  readonly name: string
  readonly batches: number
  readonly recordsPerBatch: number
  readonly delivery: 'at_least_once' | 'exactly_once'
  readonly failpoint?: string
  /** For the cache of its state. */
  readonly directory?: string
}

/** Of the copier's state: each record counts for one of them. */
export const countedKeys = 7

const settings = { partitions: 1, retentionMs: null } as const
const never = new AbortController().signal

export function topicsOf(name: string): { readonly source: string; readonly target: string } {
  return { source: `${name}-in`, target: `${name}-out` }
}

/** Without inputs: where it stands is in its state alone. */
export function feederTask(name: string): TaskSpec {
  return {
    id: `${name}.feed/0`,
    group: `${name}.feed`,
    inputs: [],
    start: 'earliest',
    delivery: 'exactly_once',
    changelog: { topic: `${name}.feed.changelog`, partition: 0 },
  }
}

export function copierTask(
  name: string,
  delivery: CopierOptions['delivery'] = 'exactly_once',
): TaskSpec {
  return {
    id: `${name}.copy/0`,
    group: `${name}.copy`,
    inputs: [{ topic: topicsOf(name).source, partition: 0 }],
    start: 'earliest',
    delivery,
    ...(delivery === 'at_least_once'
      ? {}
      : { changelog: { topic: `${name}.copy.changelog`, partition: 0 } }),
  }
}

export async function ensureTopics(log: Log, name: string): Promise<void> {
  const { source, target } = topicsOf(name)
  const compacted = { ...settings, cleanup: 'compact' } as const
  await log.admin.ensureTopics([
    { name: source, ...settings },
    { name: target, ...settings },
    { name: `${name}.feed.changelog`, ...compacted },
    { name: `${name}.copy.changelog`, ...compacted },
  ])
}

/** No positions move here: what became of a commit is in its state. */
export async function feed(
  task: TaskLog,
  { name, batches, recordsPerBatch }: Pick<CopierOptions, 'name' | 'batches' | 'recordsPerBatch'>,
): Promise<void> {
  const [done] = await task.restore()
  const topic = topicsOf(name).source
  for (let number = Number(done?.value ?? 0); number < batches; number++) {
    const first = number * recordsPerBatch
    const records = Array.from({ length: recordsPerBatch }, (_, index) => {
      return { value: `v${first + index}`, timestampMs: 1 }
    })
    const state = [{ step: 'feed', key: 'done', value: String(number + 1), dueMs: null }]
    const outputs = [{ topic, partition: 0, batch: batchOf(records) }]
    await task.commit({ outputs, state, next: [] })
    say(`fed ${first + recordsPerBatch}`)
  }
}

/** To the end of what is there; the counts are in the state, or nowhere without one. */
export async function copy(
  task: TaskLog,
  { name, delivery }: Pick<CopierOptions, 'name' | 'delivery'>,
): Promise<void> {
  const counts = new Map((await task.restore()).map(({ key, value }) => [key, Number(value)]))
  const { source, target } = topicsOf(name)
  let copied = 0
  for (;;) {
    const slices = await task.pull({ maxRecords: 20, maxBytes: 1e6, waitMs: 0, signal: never })
    if (slices === null) return
    const values = valuesOf(slices)
    const changed = new Set<string>()
    for (const value of values) {
      const key = String(Number(value!.slice(1)) % countedKeys)
      counts.set(key, (counts.get(key) ?? 0) + 1)
      changed.add(key)
    }
    const state = [...changed].map((key) => {
      return { step: 'copy', key, value: String(counts.get(key)), dueMs: null }
    })
    const batch = batchOf(values.map((value) => ({ value })))
    await task.commit({
      outputs: [{ topic: target, partition: 0, batch }],
      state: delivery === 'at_least_once' ? [] : state,
      next: [{ topic: source, partition: 0, offset: slices.at(-1)!.next }],
    })
    copied += values.length
    say(`copied ${copied}`)
  }
}

/** Unbuffered: what was said before a kill arrives. */
function say(line: string): void {
  writeSync(1, `${line}\n`)
}

async function main(options: CopierOptions): Promise<void> {
  const { brokers, name, delivery, failpoint, directory } = options
  const log = await openLog(brokers, {
    notice: (message) => say(`notice ${message}`),
    failpoint,
    ...(directory === undefined ? {} : { directory }),
  })
  await ensureTopics(log, name)
  await feed(await log.openTask(feederTask(name)), options)
  await copy(await log.openTask(copierTask(name, delivery)), options)
  say('finished')
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
