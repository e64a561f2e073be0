import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'
import { SpanQueue } from '../../src/telemetry/spans/span-queue.ts'
import { turns } from '../runtime/run-fixture.ts'

type Send = (spans: readonly number[]) => Promise<void>

function open(send: Send) {
  const clock = new VirtualClock(0)
  const failures: unknown[] = []
  const queue = new SpanQueue<number>({
    clock,
    send,
    scheduleDelayMs: 5_000,
    exportTimeoutMs: 30_000,
    maxQueueSize: 10,
    maxBatchSize: 4,
    onFailure: (thrown) => void failures.push(thrown),
  })
  const add = (count: number) => {
    for (let span = 0; span < count; span++) queue.add(span)
  }
  return { clock, queue, failures, add }
}

const never = () => new Promise<void>(() => {})

describe('the queue of spans', () => {
  it('sends at intervals, and sooner what fills a batch', async () => {
    const sent: number[] = []
    const { clock, queue, add } = open(async ({ length }) => void sent.push(length))
    add(2)
    await turns(5)
    expect(sent).toEqual([])
    await clock.advance(5_000)
    await turns(5)
    expect(sent).toEqual([2])
    add(5)
    await turns(5)
    expect(sent).toEqual([2, 4])
    await queue.close(2_000)
    expect(sent).toEqual([2, 4, 1])
    expect(queue).toMatchObject({ exported: 7, dropped: { queue: 0, export: 0, shutdown: 0 } })
  })

  it('drops and counts what does not fit while the collector hangs, and never waits', async () => {
    const { queue, add } = open(never)
    add(4)
    await turns(5)
    add(100)
    expect(queue.dropped.queue).toBe(94)
  })

  it('gives an export up after its time, tells of it, and goes on', async () => {
    let hangs = true
    const { clock, queue, failures, add } = open(() => (hangs ? never() : Promise.resolve()))
    add(4)
    await turns(5)
    await clock.advance(30_000)
    await turns(5)
    expect(failures).toHaveLength(1)
    expect(queue.dropped.export).toBe(4)
    hangs = false
    add(4)
    await turns(5)
    expect(queue.exported).toBe(4)
  })

  it('counts what the collector refuses', async () => {
    const { queue, failures, add } = open(() => Promise.reject(new Error('no')))
    add(5)
    await queue.close(2_000)
    expect(queue.dropped.export).toBe(5)
    expect(failures).toHaveLength(2)
  })

  it('closes in its time though the collector hangs, and counts what is left', async () => {
    const { clock, queue, failures, add } = open(never)
    add(9)
    await turns(5)
    let isClosed = false
    const closing = queue.close(1_900).then(() => (isClosed = true))
    await clock.advance(1_899)
    await turns(5)
    expect(isClosed).toBe(false)
    await clock.advance(1)
    await closing
    expect(queue.dropped.shutdown).toBe(9)
    queue.add(1)
    expect(queue.dropped.shutdown).toBe(10)
    // What comes back later is counted once.
    await clock.advance(60_000)
    await turns(5)
    expect(failures).toEqual([])
    expect(queue).toMatchObject({ exported: 0, dropped: { queue: 0, export: 0, shutdown: 10 } })
  })

  it('closes at once where there is nothing to send', async () => {
    const { queue } = open(never)
    await queue.close(1_900)
    expect(queue.dropped.shutdown).toBe(0)
  })
})
