import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LogReader, TaskLog } from '../../../src/core/log.ts'
import { TopicTable } from '../../../src/endpoints/tables/topic-table.ts'
import { MemoryLog } from '../../../src/logs/memory-log.ts'
import { promptFollower } from '../../../src/simulation/prompt-follower.ts'
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts'
import { tableSettings } from '../../../src/spec/table-schema.ts'
import { batchOf } from '../../conformance/batches.ts'

const topic = 'prices'
const { signal } = new AbortController()
let clock: VirtualClock
let log: MemoryLog
let writer: TaskLog
let tables: TopicTable[]
let told: string[]

beforeEach(async () => {
  clock = new VirtualClock()
  log = new MemoryLog({ clock })
  tables = []
  told = []
  await log.admin.ensureTopics([{ name: topic, partitions: 2, retentionMs: null }])
  writer = await log.openTask({ id: 'w', group: 'w', inputs: [], start: 'earliest' })
})

afterEach(async () => {
  for (const table of tables) await table.close()
})

function aTable(setting: object = {}, reader: LogReader = log.reader): TopicTable {
  const settings = tableSettings().parse({ topic, ...setting })
  if (settings.kind !== 'topic') throw new Error('a table of a topic')
  const table = new TopicTable('prices', settings, {
    clock,
    log: (_level, message) => void told.push(message),
    topics: promptFollower(reader, clock),
  })
  tables.push(table)
  return table
}

async function write(partition: number, key: string | null, value: string | null): Promise<void> {
  const batch = batchOf([{ key, value }], 'w')
  await writer.commit({ outputs: [{ topic, partition, batch }], state: [], next: [] })
}

/** What is written later is there in a few turns of the event loop. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo())
    await new Promise<void>((resolve) => {
      setImmediate(resolve)
    })
}

describe('a table of a topic', () => {
  it('waits until it has what was there, and then answers at once', async () => {
    await write(0, 'a', '1')
    await write(1, 'b', '{"x":2}')
    await write(0, 'a', '3')
    const table = aTable()
    expect(await table.find('a', signal)).toBe(3)
    expect(table.find('b', signal)).toEqual({ x: 2 })
    expect(table.find('c', signal)).toBeUndefined()
    expect(table.find(null, signal)).toBeUndefined()
  })

  it('has the last value of a key, and none where that is a tombstone', async () => {
    const table = aTable()
    expect(await table.find('a', signal)).toBeUndefined()
    await write(0, 'a', '1')
    await until(() => table.find('a', signal) === 1)
    await write(0, 'a', null)
    await until(() => table.find('a', signal) === undefined)
    await write(0, null, '5')
  })

  it('leaves out what is no JSON, and says so once', async () => {
    await write(0, 'a', '1')
    await write(0, 'a', '{')
    await write(0, 'b', '{')
    const table = aTable()
    expect(await table.find('a', signal)).toBe(1)
    expect(told).toEqual([expect.stringContaining('are no JSON; the first has the key "a"')])
  })

  it('stops the pipeline where there are more keys than it may hold', async () => {
    for (const key of ['a', 'b', 'c']) await write(0, key, '1')
    const table = aTable({ max_keys: 2 })
    await expect(table.find('a', signal)).rejects.toMatchObject({
      code: 'STATE_FULL',
      message: expect.stringContaining('raise its max_keys') as string,
    })
  })

  it('is away while the topic cannot be read, and comes back by itself', async () => {
    await write(0, 'a', '1')
    let isAway = true
    const reader: LogReader = {
      topics: () => log.reader.topics(),
      ranges: (name) => (isAway ? Promise.reject(new Error('no')) : log.reader.ranges(name)),
      read: (from, maxBytes) => log.reader.read(from, maxBytes),
      close: () => Promise.resolve(),
    }
    const table = aTable({}, reader)
    await expect(table.find('a', signal)).rejects.toMatchObject({ code: 'PEER_UNAVAILABLE' })
    isAway = false
    await clock.advance(1_000)
    expect(await table.find('a', signal)).toBe(1)
  })

  it('lets go of who waits when the run stops', async () => {
    const never: LogReader = { ...log.reader, ranges: () => new Promise(() => {}) }
    const table = aTable({}, never)
    const stop = new AbortController()
    const found = table.find('a', stop.signal)
    stop.abort()
    expect(await found).toBeUndefined()
  })
})
