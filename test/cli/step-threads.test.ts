import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { loadTopologies } from '../../src/cli/load-topologies.ts'
import { StepThreads } from '../../src/cli/step-threads.ts'
import { instantOf } from '../../src/clock/system-clock.ts'
import type { RecordBatch } from '../../src/core/record-batch.ts'
import { HookRunner } from '../../src/runtime/hook-runner.ts'
import type { InputPart, StepResult } from '../../src/runtime/slice.ts'
import { SliceStep } from '../../src/runtime/slice-step.ts'
import { TaskEvents } from '../../src/runtime/task-events.ts'
import type { TraceRequest } from '../../src/runtime/trace-request.ts'
import { WatermarkTracker } from '../../src/runtime/watermark.ts'
import { batchOf } from '../conformance/batches.ts'
import { aCliEnvironment } from './cli-environment.ts'
import { aFolder } from './temporary-folder.ts'

const pipeline = (onError: string) => `pipeline: orders
topics:
  raw: { partitions: 2 }
stages:
  - name: clean
    from: raw
    on_error: ${onError}
    steps:
      - cast: { amount: number }
      - filter: value.amount > 10
      - set: { country: "upper(value.country)" }
    to: clean
`
const values = Array.from({ length: 256 }, (_, index) =>
  index % 16 === 0
    ? '{"amount":"none"}'
    : JSON.stringify({ amount: String(index), country: index % 2 === 0 ? 'de' : 'é' }),
)
const opened: StepThreads[] = []

afterEach(async () => {
  for (const threads of opened.splice(0)) await threads.close()
})

function open(onError: string, options: { edit?: string } = {}) {
  const cwd = aFolder({ 'orders.yaml': pipeline(onError) })
  const environment = aCliEnvironment({ cwd })
  const { topology, text } = loadTopologies(['orders.yaml'], environment).files[0]!
  if (options.edit !== undefined) writeFileSync(join(cwd, 'orders.yaml'), options.edit)
  const lines: string[] = []
  const data = {
    paths: ['orders.yaml'],
    cwd,
    env: {},
    log: undefined,
    stored: new Map(),
    texts: [text],
    instant: instantOf(environment.clock),
  }
  const log = (level: string, message: string) => lines.push(`${level}: ${message}`)
  const threads = new StepThreads({ count: 1, data, log })
  opened.push(threads)
  return { threads, topology, environment, lines }
}

type Opened = ReturnType<typeof open>

function partOf(batch: RecordBatch): InputPart {
  const origin = { topic: 'raw', partition: 1, baseOffset: 40n, source: null }
  return { input: 0, batch, from: 0, origin, visibleUs: 5, failures: new Map() }
}

const traceRequest: TraceRequest = {
  picks: [3, 70],
  budget: 10,
  faults: 4,
  slowWaitUs: Number.POSITIVE_INFINITY,
  slowRunUs: Number.POSITIVE_INFINITY,
}

const slice = () => [partOf(batchOf(values.map((value, index) => ({ key: `k${index}`, value }))))]

/** Offers slices until the thread has started and takes one. */
async function offered({ threads, environment, lines }: Opened): Promise<StepResult | null> {
  const untilUs = environment.clock.monotonicUs() + 20_000_000
  while (environment.clock.monotonicUs() < untilUs) {
    const task = { pipeline: 'orders', node: 'clean', taskIndex: 1, limits: new Map() }
    const work = { ...task, parts: slice(), pulledUs: 10, trace: traceRequest }
    const result = threads.offer(work)
    if (result !== null) return result
    if (lines.some((line) => line.startsWith('warn'))) return null
    await environment.clock.sleep(1)
  }
  throw new Error('the thread did not start')
}

function resultHere({ topology, environment }: Opened): StepResult {
  const { clock } = environment
  const node = topology.nodes[0]!
  const runner = new HookRunner({ stage: 'clean', hooks: [], clock, onProblem: () => {} })
  const step = new SliceStep({
    node,
    clock,
    tracker: new WatermarkTracker([]),
    events: new TaskEvents({ runner, clock, pipeline: 'orders', stage: 'clean' }),
    mask: (text) => text,
    tracing: topology.tracing,
    ownWriters: 'orders.',
    taskId: 'orders.clean/1',
    taskIndex: 1,
    partitionsOf: (topic) => topology.topics.find(({ name }) => name === topic)!.partitions,
  })
  step.traceNext(traceRequest)
  return step.run(slice(), 10)
}

/** All of the results but the times, which no two runs share. */
function contentOf({ outputs, stats, state, sinkBatch, traces }: StepResult) {
  return {
    traces: traces?.records.map((record) => ({ ...record, startUs: 0, endUs: 0 })),
    outputs: outputs.map(({ topic, partition, batch }) => ({
      topic,
      partition,
      writer: batch.writer,
      records: Array.from({ length: batch.count }, (_, index) => [
        batch.keyText(index),
        batch.valueText(index),
        batch.headers(index).map(([name, value]) => [name, Buffer.from(value).toString()]),
      ]),
    })),
    dispositions: [...stats.dispositions],
    failures: [...stats.failures],
    drops: [...stats.drops],
    records: stats.records,
    state,
    sinkBatch,
  }
}

describe('threads for steps', () => {
  it('give the results that the step gives here', async () => {
    const threads = open('dlq')
    const result = (await offered(threads))!
    const here = resultHere(threads)
    expect(contentOf(result)).toEqual(contentOf(here))
    expect(result.stats.failures.get('RECORD_CAST')).toBe(16)
  })

  it('measure by the clock of the run', async () => {
    const threads = open('dlq')
    const startUs = threads.environment.clock.monotonicUs()
    const { stats } = (await offered(threads))!
    const endUs = threads.environment.clock.monotonicUs()
    for (const recordUs of stats.endUs) {
      expect(recordUs).toBeGreaterThan(startUs)
      expect(recordUs).toBeLessThan(endUs)
    }
  })

  it('pass on what stops the stage', async () => {
    await expect(offered(open('stop'))).rejects.toMatchObject({ code: 'STAGE_STOPPED' })
  })

  it('leave all work here when the file has changed since', async () => {
    const threads = open('dlq', { edit: pipeline('dlq').replace('amount > 10', 'amount > 11') })
    expect(await offered(threads)).toBeNull()
    expect(threads.lines.join()).toContain('the run goes on without it: orders.yaml has changed')
  })

  it('are not started for few records, nor asked to do a small slice', () => {
    const { threads } = open('dlq')
    const parts = [partOf(batchOf([{ value: '{}' }]))]
    const task = { pipeline: 'orders', node: 'clean', taskIndex: 0, limits: new Map() }
    const work = { ...task, parts, pulledUs: 0, trace: null }
    for (let time = 0; time < 50_000; time++) expect(threads.offer(work)).toBeNull()
  })
})
