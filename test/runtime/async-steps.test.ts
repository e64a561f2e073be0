import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { AsyncCall, AsyncOperator, AsyncResult } from '../../src/core/async-operator.ts'
import { PipelineError, RecordFailure } from '../../src/core/errors.ts'
import type { JsonObject } from '../../src/core/json.ts'
import type { AsyncDefinition } from '../../src/core/operator.ts'
import { emptyBytes, encodeHeaders } from '../../src/core/record-batch.ts'
import type { StepRecord } from '../../src/core/step-record.ts'
import {
  plannedListener,
  plannedSource,
  RunBench,
  turns,
  until,
  WorkingClock,
} from './run-fixture.ts'

type Ask = (
  value: JsonObject,
  record: StepRecord,
  call: AsyncCall,
) => AsyncResult | Promise<AsyncResult>

/** An asynchronous operator that does what a test says, and knows what was asked. */
function planned(ask: Ask, more: Partial<Pick<AsyncOperator, 'inFlight'>> = {}) {
  const asked: JsonObject[] = []
  let closed = 0
  const definition: AsyncDefinition = {
    kind: 'async',
    type: 'ask',
    summary: 'Asks.',
    config: z.unknown(),
    examples: [{ title: 'any', config: 1, input: [], output: [] }],
    create: () => ({
      ...more,
      process(record, call) {
        const value = record.value as JsonObject
        asked.push(value)
        return ask(value, record, call)
      },
      close: async () => void (closed += 1),
    }),
  }
  return { definition, asked, closed: () => closed }
}

const pipeline = (more: { steps?: string; stage?: string } = {}) => `
pipeline: p
stages:
  - name: ingest
    source: { numbers: 1 }
    key: value.k
    to: one
  - name: enrich
    from: one
    ${more.stage ?? 'concurrency: 4'}
    retry: { max: 3, backoff: { initial: 100ms, max: 1s } }
    steps:
${more.steps ?? '      - ask: 1'}
    to: two
    hooks:
      - on: [stage_blocked, stage_unblocked, record_retried, record_dead_lettered, record_filtered]
        do: { told: 1 }
`

interface Start {
  readonly values: readonly JsonObject[]
  readonly definition: AsyncDefinition
  readonly text?: string
  readonly clock?: WorkingClock
  readonly sliceSize?: number
  readonly headers?: Uint8Array
}

async function started({
  values,
  definition,
  text = pipeline(),
  clock,
  sliceSize = 100,
  headers = emptyBytes,
}: Start) {
  const bench = new RunBench(clock)
  const told = plannedListener('told')
  const source = plannedSource('numbers', { values, sliceSize, headers }, bench.clock)
  const topology = bench.topology(text, {
    operators: [definition],
    sources: [source],
    listeners: [told.definition],
    partitions: 1,
  })
  const run = await bench.start([topology])
  const values2 = async (topic = 'two') => (await bench.records(topic)).map(({ value }) => value)
  return { bench, run, told, out: values2, topology }
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => ({ n, k: `k${n % 3}` }))

describe('a step that waits for something outside', () => {
  it('emits in the order of the input, whatever order the answers come in', async () => {
    const answers: (() => void)[] = []
    const ask = planned(
      (value) =>
        new Promise((resolve) => {
          answers.push(() => resolve([{ ...value, seen: true }]))
        }),
    )
    const { run, out } = await started({
      values: [0, 1, 2, 3].map((n) => ({ n, k: `k${n}` })),
      definition: ask.definition,
    })
    await until(() => answers.length === 4)
    for (const answer of answers.toReversed()) answer()
    await run.done
    expect((await out()).map((value) => (value as { n: number }).n)).toEqual([0, 1, 2, 3])
    expect(ask.closed()).toBe(1)
  })

  it('works on so many keys at once, and on the records of one key one after the other', async () => {
    let busy = 0
    let most = 0
    const busyKeys = new Set<unknown>()
    const order = new Map<unknown, number[]>()
    const ask = planned(async (value) => {
      const { k, n } = value as { k: string; n: number }
      expect(busyKeys.has(k)).toBe(false)
      busyKeys.add(k)
      busy += 1
      most = Math.max(most, busy)
      await turns(1 + (n % 4))
      order.set(k, [...(order.get(k) ?? []), n])
      busyKeys.delete(k)
      busy -= 1
      return [value]
    })
    const values = Array.from({ length: 60 }, (_, n) => ({ n, k: `k${n % 7}` }))
    const { run, out } = await started({ values, definition: ask.definition })
    await run.done
    expect(await out()).toEqual(values)
    expect(most).toBe(4)
    for (const seen of order.values()) expect(seen).toEqual(seen.toSorted((a, b) => a - b))
  })

  it('lets a record become none, one or several, with the steps before and behind it', async () => {
    const ask = planned(async ({ n }) => {
      const number = Number(n)
      if (number % 3 === 0) return 'filtered'
      return Array.from({ length: number % 3 }, (_, part) => ({ n: number, part }))
    })
    const { run, out, told } = await started({
      values: numbers(8),
      definition: ask.definition,
      text: pipeline({
        steps: [
          '      - filter: value.n != 4',
          '      - ask: 1',
          '      - filter: value.part == null || value.part < 9',
          '      - set: { twice: value.n * 2 }',
        ].join('\n'),
      }),
    })
    await run.done
    expect(await out()).toEqual([
      { n: 1, part: 0, twice: 2 },
      { n: 2, part: 0, twice: 4 },
      { n: 2, part: 1, twice: 4 },
      { n: 5, part: 0, twice: 10 },
      { n: 5, part: 1, twice: 10 },
      { n: 7, part: 0, twice: 14 },
    ])
    const [report] = (await run.report()).pipelines
    const stage = report!.stages.find((each) => each.stage === 'enrich')!
    expect(stage.dispositions).toMatchObject({ emitted: 4, filtered: 4 })
    expect(told.events.filter(({ event }) => event === 'record_filtered')).toHaveLength(4)
  })

  it('leaves a record alone that its `if` leaves out', async () => {
    const ask = planned((value) => [{ ...value, asked: true }])
    const { run, out } = await started({
      values: numbers(3),
      definition: ask.definition,
      text: pipeline({ steps: '      - ask: 1\n        if: value.n > 0' }),
    })
    await run.done
    expect(await out()).toEqual([
      { n: 0, k: 'k0' },
      { n: 1, k: 'k1', asked: true },
      { n: 2, k: 'k2', asked: true },
    ])
  })

  it('dead-letters a record that fails, names the step, and goes on with the others', async () => {
    const ask = planned(async (value) => {
      if (value['n'] === 1) throw new RecordFailure('RECORD_INVALID', 'not this one')
      return [value]
    })
    const { run, out, bench } = await started({
      values: [...numbers(3)],
      definition: ask.definition,
      text: pipeline({ steps: '      - set: { n: value.n }\n      - ask: 1' }),
    })
    await run.done
    expect(await out()).toEqual([numbers(3)[0], numbers(3)[2]])
    const [letter] = await bench.records('p.enrich.dlq')
    expect(letter!.value).toEqual(numbers(3)[1])
    expect(letter!.facts).toMatchObject({
      'millrace-dlq-step': 'ask',
      'millrace-dlq-code': 'RECORD_INVALID',
    })
  })

  it('is blocked for as long as the peer is away, and dead-letters nothing', async () => {
    let isAway = true
    const ask = planned(async (value) => {
      if (isAway) throw new PipelineError('PEER_UNAVAILABLE', 'no answer')
      return [value]
    })
    const { run, out, bench, told } = await started({
      values: numbers(9),
      definition: ask.definition,
    })
    await until(() => ask.asked.length > 0)
    await turns(20)
    for (let minute = 0; minute < 60; minute++) await bench.clock.advance(1_000)
    const [report] = (await run.report()).pipelines
    expect(report!.stages.find(({ stage }) => stage === 'enrich')).toMatchObject({
      phase: 'blocked',
    })
    expect(bench.notices).toEqual([
      'the stage "enrich" is blocked: no answer; it tries again by itself (PEER_UNAVAILABLE)',
    ])
    isAway = false
    await bench.clock.advance(2_000)
    await run.done
    expect(await out()).toEqual(numbers(9))
    expect(await bench.records('p.enrich.dlq')).toEqual([])
    const events = told.events.map(({ event }) => event)
    expect(events).toEqual(['stage_blocked', 'stage_unblocked'])
    const [part] = await run.part()
    const { retries = [] } = part!.nodes[1]!.meter.operations ?? {}
    expect(new Map(retries).get('PEER_UNAVAILABLE')).toBeGreaterThan(10)
  })

  it('asks again so many times for a record that the peer rejects, then the record fails', async () => {
    const ask = planned(async (value) => {
      if (value['n'] === 1) throw new PipelineError('PEER_REJECTED', 'no such thing')
      return [value]
    })
    const { run, out, bench, told } = await started({
      values: numbers(3),
      definition: ask.definition,
    })
    await until(() => ask.asked.length >= 3)
    for (let second = 0; second < 10; second++) await bench.clock.advance(1_000)
    await run.done
    expect(await out()).toHaveLength(2)
    expect(ask.asked.filter(({ n }) => n === 1)).toHaveLength(3)
    const [letter] = await bench.records('p.enrich.dlq')
    expect(letter!.facts).toMatchObject({
      'millrace-dlq-code': 'RECORD_REJECTED',
      'millrace-dlq-message': 'no such thing',
      'millrace-dlq-attempts': '3',
    })
    expect(told.events.filter(({ event }) => event === 'record_retried')).toHaveLength(2)
  })

  it('commits nothing of a slice that is not through when it is stopped, and does it again', async () => {
    let isStuck = true
    const signals: AbortSignal[] = []
    const ask = planned(async (value, _record, { signal }) => {
      signals.push(signal)
      if (isStuck && value['n'] === 2) return new Promise(() => {})
      if (isStuck && value['n'] === 3) {
        await once(signal, 'abort')
        throw new PipelineError('PEER_UNAVAILABLE', 'ask was stopped')
      }
      return [value]
    })
    const { run, out, bench, topology } = await started({
      values: numbers(4),
      definition: ask.definition,
    })
    await until(() => ask.asked.some(({ n }) => n === 2))
    await turns(20)
    expect(await out()).toEqual([])
    bench.stop()
    await run.done
    expect(signals[0]!.aborted).toBe(true)
    expect(ask.closed()).toBe(1)
    expect(bench.notices).toEqual([])
    isStuck = false
    const again = await bench.start([topology])
    await again.done
    expect(await out()).toEqual(numbers(4))
  })

  it('does not say that it works again when it is stopped while the peer is away', async () => {
    const ask = planned(async () => {
      throw new PipelineError('PEER_UNAVAILABLE', 'no answer')
    })
    const { run, bench, told } = await started({ values: numbers(4), definition: ask.definition })
    await until(() => bench.notices.length > 0)
    bench.stop()
    await run.done
    expect(bench.notices).toHaveLength(1)
    expect(told.events.map(({ event }) => event)).toEqual(['stage_blocked'])
  })

  it('stops the pipeline on what is no failure of a record, and loses nothing', async () => {
    const ask = planned(() => {
      throw new TypeError('a bug')
    })
    const { run } = await started({ values: numbers(2), definition: ask.definition })
    await run.done
    const [report] = (await run.report()).pipelines
    expect(report).toMatchObject({
      outcome: 'failed',
      error: { code: 'INVARIANT', message: 'the step "ask" of the stage "enrich" threw: a bug' },
    })
  })

  it('hands all records over in order where it keeps the order itself, and again after an outage', async () => {
    const pending: { n: number; settle: (isAway: boolean) => void }[] = []
    const ask = planned(
      (value) =>
        new Promise((resolve, reject) => {
          pending.push({
            n: value['n'] as number,
            settle: (isAway) =>
              isAway ? reject(new PipelineError('PEER_UNAVAILABLE', 'it ended')) : resolve([value]),
          })
        }),
      { inFlight: 4 },
    )
    const { run, out, bench } = await started({
      values: Array.from({ length: 6 }, (_, n) => ({ n, k: 'one' })),
      definition: ask.definition,
    })
    await until(() => pending.length === 4)
    pending.shift()!.settle(false)
    await until(() => pending.length === 4)
    for (const { settle } of pending.splice(0)) settle(true)
    await turns(5)
    await bench.clock.advance(100)
    await until(() => pending.length === 4)
    expect(pending.map(({ n }) => n)).toEqual([1, 2, 3, 4])
    for (const { settle } of pending.splice(0)) settle(false)
    await until(() => pending.length === 1)
    pending[0]!.settle(false)
    await run.done
    expect((await out()).map((value) => (value as { n: number }).n)).toEqual([0, 1, 2, 3, 4, 5])
  })
})

describe('the calls of such a step', () => {
  it('hand on the trace of a record, with a span that is not the one that it came from', async () => {
    const seen: (string | null)[] = []
    const ask = planned((value, _record, { traceparent }) => {
      seen.push(traceparent)
      return [value]
    })
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
    const headersOf = (flags: string) =>
      encodeHeaders([['traceparent', Buffer.from(`00-${trace}-00f067aa0ba902b7-${flags}`)]])
    for (const headers of [headersOf('01'), headersOf('00'), emptyBytes]) {
      const { run } = await started({ values: numbers(1), definition: ask.definition, headers })
      await run.done
    }
    expect(seen[0]).toMatch(new RegExp(`^00-${trace}-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$`))
    // What nobody exports has no span of ours in it.
    expect(seen.slice(1)).toEqual([`00-${trace}-00f067aa0ba902b7-00`, null])
  })

  it('count as work, and pauses between attempts as back-off', async () => {
    const clock = new WorkingClock()
    let attempts = 0
    const ask = planned(async (value) => {
      attempts += 1
      await clock.sleep(40)
      if (attempts < 3) throw new PipelineError('PEER_UNAVAILABLE', 'no answer')
      return [value]
    })
    const { run } = await started({ values: [{ n: 1, k: 'a' }], definition: ask.definition, clock })
    await until(() => attempts > 0)
    for (let step = 0; step < 100; step++) await clock.advance(20)
    await run.done
    const [report] = (await run.report()).pipelines
    const stage = report!.stages.find((each) => each.stage === 'enrich')!
    expect(attempts).toBe(3)
    expect(stage.t.mean).toBeGreaterThan(119)
    expect(stage.t.mean).toBeLessThan(125)
    // Pauses of 100 and 200 ms, each between half and all of it.
    expect(stage.waiting.backoff).toBeGreaterThan(149)
    expect(stage.waiting.backoff).toBeLessThan(305)
  })
})
