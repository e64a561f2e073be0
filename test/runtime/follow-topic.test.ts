import { beforeEach, describe, expect, test } from 'vitest'
import type { LogReader, SliceBatch, TaskLog } from '../../src/core/log.ts'
import { MemoryLog } from '../../src/logs/memory-log.ts'
import { LogFollower } from '../../src/runtime/follow-topic.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'
import { batchOf, batchWith, valuesOf } from '../conformance/batches.ts'

const topic = 'results'
let clock: VirtualClock
let log: MemoryLog
let writer: TaskLog
let reads: number

beforeEach(async () => {
  clock = new VirtualClock()
  log = new MemoryLog({ clock })
  reads = 0
  await log.admin.ensureTopics([{ name: topic, partitions: 2, retentionMs: null }])
  const task = { id: 'w', group: 'w', inputs: [], start: 'earliest' } as const
  writer = await log.openTask(task)
})

function aFollower(reader: Partial<LogReader> = {}): LogFollower {
  const counted: LogReader = {
    topics: () => log.reader.topics(),
    ranges: (name) => log.reader.ranges(name),
    read: (from, maxBytes) => {
      reads += 1
      return log.reader.read(from, maxBytes)
    },
    close: async () => {},
    ...reader,
  }
  return new LogFollower(counted, clock)
}

/** Follows from now on and keeps what comes. */
function following(
  follower: LogFollower,
  { start = 'latest', name = topic }: { start?: 'latest' | 'earliest'; name?: string } = {},
) {
  const stop = new AbortController()
  const found: SliceBatch[] = []
  let isOpen = false
  const onOpen = () => void (isOpen = true)
  const followed = follower.follow({ topic: name, start, signal: stop.signal, onOpen })
  const done = (async () => {
    for await (const batch of followed) found.push(batch)
  })()
  done.catch(() => {})
  return { found, stop, done, isOpen: () => isOpen }
}

async function write(partition: number, ...values: readonly string[]): Promise<void> {
  const outputs = [{ topic, partition, batch: batchWith(...values) }]
  await writer.commit({ outputs, state: [], next: [] })
}

describe('who follows a topic', () => {
  test('from its end is given what comes from then on, of all partitions', async () => {
    await write(0, 'before')
    const { found, stop, done, isOpen } = following(aFollower())
    await clock.advance(100)
    expect(isOpen()).toBe(true)
    await write(0, 'a')
    await write(1, 'b')
    await clock.advance(100)
    await write(0, 'c')
    await clock.advance(100)
    expect(valuesOf(found)).toEqual(['a', 'b', 'c'])
    stop.abort()
    await done
  })

  test('from its beginning is given all', async () => {
    await write(1, 'before')
    const { found, stop, done } = following(aFollower(), { start: 'earliest' })
    await write(1, 'after')
    await clock.advance(100)
    expect(valuesOf(found)).toEqual(['before', 'after'])
    stop.abort()
    await done
  })

  test('shares what is read with others, who may come and go', async () => {
    const follower = aFollower()
    const first = following(follower)
    const second = following(follower)
    await clock.advance(100)
    await write(0, 'a')
    await clock.advance(100)
    expect(reads).toBe(1)
    first.stop.abort()
    await first.done
    const third = following(follower)
    await clock.advance(100)
    expect(third.isOpen()).toBe(true)
    await write(0, 'b')
    await clock.advance(100)
    expect(reads).toBe(2)
    expect([first, second, third].map(({ found }) => valuesOf(found))).toEqual([
      ['a'],
      ['a', 'b'],
      ['b'],
    ])
  })

  test('keeps nobody busy once it has gone', async () => {
    const { stop, done } = following(aFollower())
    await clock.advance(100)
    stop.abort()
    await done
    await clock.advance(1)
    expect(clock.pending).toBe(0)
  })

  test('is told soon after something came, and asks seldom while nothing does', async () => {
    let asked = 0
    const ranges: LogReader['ranges'] = (name) => {
      asked += 1
      return log.reader.ranges(name)
    }
    const { found } = following(aFollower({ ranges }))
    await clock.advance(10_000)
    expect(asked).toBeLessThan(400)
    await write(0, 'a')
    for (let waited = 0; waited < 32 && found.length === 0; waited++) await clock.advance(1)
    expect(valuesOf(found)).toEqual(['a'])
    await write(0, 'b')
    await clock.advance(4)
    expect(valuesOf(found)).toEqual(['a', 'b'])
  })

  test('is told what the log says where there is no such topic, and may come again', async () => {
    const follower = aFollower()
    const first = following(follower, { name: 'later' })
    await expect(first.done).rejects.toMatchObject({ code: 'CONFIG_USAGE' })
    await log.admin.ensureTopics([{ name: 'later', partitions: 1, retentionMs: null }])
    const second = following(follower, { name: 'later' })
    await clock.advance(10)
    expect(second.isOpen()).toBe(true)
  })

  test('holds the reading up rather than let it fill the memory', async () => {
    const follower = aFollower()
    const stop = new AbortController()
    const slow = follower.follow({ topic, start: 'earliest', signal: stop.signal })
    const value = 'x'.repeat(512 * 1024)
    for (let sent = 0; sent < 64; sent++) {
      const outputs = [{ topic, partition: 0, batch: batchOf([{ value: `${sent} ${value}` }]) }]
      await writer.commit({ outputs, state: [], next: [] })
    }
    const iterator = slow[Symbol.asyncIterator]()
    const first = iterator.next()
    await clock.advance(10_000)
    expect((await first).done).toBe(false)
    await clock.advance(10_000)
    const readBefore = reads
    expect(readBefore).toBeLessThan(20)
    let count = 1
    while (count < 64) {
      const next = iterator.next()
      await clock.advance(100)
      if ((await next).done === true) break
      count += 1
    }
    expect(count).toBe(64)
    stop.abort()
  })
})
