import { describe, expect, it, onTestFinished } from 'vitest'
import type { SliceBatch } from '../../../src/core/log.ts'
import type { FollowRequest } from '../../../src/core/topic-follower.ts'
import { PipelineError } from '../../../src/core/errors.ts'
import { encodeHeaders } from '../../../src/core/record-batch.ts'
import { RecordBatchBuilder } from '../../../src/core/record-batch-builder.ts'
import { replyHeader, ResultWaiters } from '../../../src/endpoints/replies/result-waiters.ts'
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts'

const { signal } = new AbortController()
const times = { timestampMs: 0, eventTimeMs: Number.NaN, ingestUs: 0, waitUs: 0, runUs: 0 }

function results(...ids: readonly (string | null)[]): SliceBatch {
  const builder = new RecordBatchBuilder('')
  for (const id of ids)
    builder.append({
      key: null,
      value: `result of ${id}`,
      headers: encodeHeaders(id === null ? [] : [[replyHeader, id]]),
      times,
    })
  const batch = builder.finish()
  return { topic: 't', partition: 0, baseOffset: 0n, batch, from: 0, next: 0n, visibleUs: 0 }
}

/** Waiters on a topic that a test writes to batch by batch. */
async function aTopic() {
  const clock = new VirtualClock()
  const written: SliceBatch[] = []
  let wake = (): void => {}
  async function* follow({ signal: stop, onOpen }: FollowRequest) {
    onOpen?.()
    stop.addEventListener('abort', () => wake())
    while (!stop.aborted) {
      yield* written.splice(0)
      await new Promise<void>((resolve) => (wake = resolve))
    }
  }
  const random = { next: () => 0.5 }
  const options = { topics: { follow }, topic: 't', timeoutMs: 1_000, clock, random }
  const waiters = new ResultWaiters(options)
  onTestFinished(() => waiters.close())
  await waiters.open(signal)
  const write = async (...ids: (string | null)[]) => {
    written.push(results(...ids))
    wake()
    await clock.advance(0)
  }
  return { clock, waiters, write, random }
}

describe('who waits for a result', () => {
  it('is told of its own, once, whatever else comes', async () => {
    const { waiters, write } = await aTopic()
    const told: (string | null)[] = []
    const [one, two] = [waiters.nextId(), waiters.nextId()]
    for (const id of [one, two]) waiters.wait(id, (result) => told.push(result))
    await write(null, 'unknown', two, two, one)
    expect(told).toEqual([`result of ${two}`, `result of ${one}`])
    expect(waiters.waiting).toBe(0)
  })

  it('is told of a result that came before its message was known to be stored', async () => {
    const { waiters, write } = await aTopic()
    const id = waiters.nextId()
    await write(id)
    const told: (string | null)[] = []
    waiters.wait(id, (result) => told.push(result))
    expect(told).toEqual([`result of ${id}`])
  })

  it('is told that none came in time, counted from when its message was stored', async () => {
    const { clock, waiters, write } = await aTopic()
    const id = waiters.nextId()
    await clock.advance(5_000)
    const told: (string | null)[] = []
    waiters.wait(id, (result) => told.push(result))
    await clock.advance(900)
    expect(told).toEqual([])
    await clock.advance(1_100)
    expect(told).toEqual([null])
    await write(id)
    expect(told).toEqual([null])
  })

  it('is told at the end that none will come', async () => {
    const { waiters } = await aTopic()
    const told: (string | null)[] = []
    waiters.wait(waiters.nextId(), (result) => told.push(result))
    waiters.close()
    expect(told).toEqual([null])
  })

  it('meets the error of the topic', async () => {
    const { clock, random } = await aTopic()
    const topics = {
      // oxlint-disable-next-line require-yield -- it fails before it gives anything
      async *follow(): AsyncGenerator<SliceBatch> {
        throw new PipelineError('CONFIG_USAGE', 'there is no topic t')
      },
    }
    const waiters = new ResultWaiters({ topics, topic: 't', timeoutMs: 1, clock, random })
    await expect(waiters.open(signal)).rejects.toThrow('there is no topic t')
    await expect(waiters.open(signal)).rejects.toThrow('there is no topic t')
    waiters.close()
  })
})
