import { describe, expect, it } from 'vitest'
import { batchWith, valuesOf } from './batches.ts'
import {
  appending,
  commitOf,
  endless,
  generous,
  input,
  output,
  type LogFixture,
} from './log-fixture.ts'

export function logHandsOutRecords(fixture: LogFixture): void {
  describe('pulling', () => {
    it('returns whole batches, and no more than asked for', async () => {
      const writer = await fixture.openWriter()
      for (const value of ['a', 'b', 'c']) await writer.commit(appending(value, value))
      const reader = await fixture.openReader()
      const pull = () => reader.pull({ ...generous, maxRecords: 5 })
      expect(valuesOf(await pull())).toEqual(['a', 'a', 'b', 'b'])
      expect(valuesOf(await pull())).toEqual(['c', 'c'])
      expect(await pull()).toBe(null)
    })

    it('returns at least one batch however large it is', async () => {
      await (await fixture.openWriter()).commit(appending('long value', 'and another'))
      const reader = await fixture.openReader()
      const slices = await reader.pull({ ...generous, maxRecords: 1, maxBytes: 1 })
      expect(valuesOf(slices)).toEqual(['long value', 'and another'])
    })

    it('stops at the limit of bytes', async () => {
      const writer = await fixture.openWriter()
      for (const value of ['a', 'b', 'c', 'd']) await writer.commit(appending(value.repeat(1_000)))
      const reader = await fixture.openReader()
      const pull = async (maxBytes: number) => (await reader.pull({ ...generous, maxBytes })) ?? []
      const [first] = await pull(1)
      const size = first!.batch.bytes.byteLength
      expect(await pull(2 * size)).toHaveLength(2)
      expect(await pull(2 * size)).toHaveLength(1)
    })

    it('takes a batch of each input in turn', async ({ skip }) => {
      // Where batches travel, those of one input may come before those of another.
      skip(!fixture.capabilities.pullsAll)
      const writer = await fixture.openWriter()
      const second = { topic: 'in', partition: 1 }
      for (const value of ['a1', 'a2', 'a3']) await writer.commit(appending(value))
      for (const value of ['b1', 'b2']) {
        const batch = batchWith(value)
        await writer.commit(commitOf({ outputs: [{ ...second, batch }] }))
      }
      const inputs = [input, second]
      const reader = await fixture.log.openTask({
        id: 'p.both/0',
        group: 'both',
        inputs,
        start: 'earliest',
      })
      expect(valuesOf(await reader.pull(generous))).toEqual(['a1', 'b1', 'a2', 'b2', 'a3'])
    })

    it('goes on where a full pull stopped, with the input whose turn it was', async ({ skip }) => {
      skip(!fixture.capabilities.pullsAll)
      const writer = await fixture.openWriter()
      const second = { topic: 'in', partition: 1 }
      for (const value of ['1', '2', '3']) {
        const outputs = [
          { ...input, batch: batchWith(`a${value}`) },
          { ...second, batch: batchWith(`b${value}`) },
        ]
        await writer.commit(commitOf({ outputs }))
      }
      const inputs = [input, second]
      const reader = await fixture.log.openTask({
        id: 'p.both/0',
        group: 'both',
        inputs,
        start: 'earliest',
      })
      const pulls = []
      for (let pull = 0; pull < 2; pull++) {
        pulls.push(valuesOf(await reader.pull({ ...generous, maxRecords: 3 })))
      }
      expect(pulls).toEqual([
        ['a1', 'b1', 'a2'],
        ['b2', 'a3', 'b3'],
      ])
    })

    it('brings every record of every input, in order', async () => {
      const writer = await fixture.openWriter()
      for (const value of ['1', '2', '3', '4']) {
        const outputs = [
          { ...input, batch: batchWith(`a${value}`) },
          { topic: 'in', partition: 1, batch: batchWith(`b${value}`) },
        ]
        await writer.commit(commitOf({ outputs }))
      }
      const inputs = [input, { topic: 'in', partition: 1 }]
      const spec = { id: 'p.both/0', group: 'both', inputs, start: 'earliest' } as const
      const reader = await fixture.log.openTask(spec)
      const pulled: (string | null)[] = []
      for (;;) {
        const slices = await reader.pull({ ...generous, maxRecords: 3 })
        if (slices === null) break
        pulled.push(...valuesOf(slices))
      }
      const of = (name: string) => pulled.filter((value) => value!.startsWith(name))
      expect([of('a'), of('b')]).toEqual([
        ['a1', 'a2', 'a3', 'a4'],
        ['b1', 'b2', 'b3', 'b4'],
      ])
      expect(pulled).toHaveLength(8)
    })

    it('waits until a commit brings a record', async () => {
      const reader = await fixture.openReader()
      const writer = await fixture.openWriter()
      const pulled = reader.pull(endless)
      await writer.commit(commitOf({ outputs: [{ ...output, batch: batchWith('elsewhere') }] }))
      await writer.commit(appending('here'))
      expect(valuesOf(await pulled)).toEqual(['here'])
    })

    it('returns null when the wait is over', async () => {
      const reader = await fixture.openReader()
      const pulled = reader.pull({ ...generous, waitMs: 50 })
      await fixture.pass(51)
      expect(await pulled).toBe(null)
      expect(await reader.pull(generous)).toBe(null)
    })

    it('returns null when it is aborted, at once or later', async () => {
      const reader = await fixture.openReader()
      const controller = new AbortController()
      const pulled = reader.pull({ ...endless, signal: controller.signal })
      controller.abort()
      expect(await pulled).toBe(null)
      expect(await reader.pull({ ...endless, signal: controller.signal })).toBe(null)
    })

    it('loses no record to an aborted wait', async () => {
      const reader = await fixture.openReader()
      const controller = new AbortController()
      const pulled = reader.pull({ ...endless, signal: controller.signal })
      controller.abort()
      await pulled
      await (await fixture.openWriter()).commit(appending('a'))
      expect(valuesOf(await reader.pull(generous))).toEqual(['a'])
    })

    it('returns null when the task is closed', async () => {
      const reader = await fixture.openReader()
      const pulled = reader.pull(endless)
      await reader.close()
      expect(await pulled).toBe(null)
    })

    it('does not wait for positions to be committed', async () => {
      const writer = await fixture.openWriter()
      const reader = await fixture.openReader()
      await writer.commit(appending('a'))
      expect(valuesOf(await reader.pull(generous))).toEqual(['a'])
      await writer.commit(appending('b'))
      expect(valuesOf(await reader.pull(generous))).toEqual(['b'])
    })

    it('says when each batch became visible', async ({ skip }) => {
      skip(!fixture.capabilities.tellsVisibleTimes)
      const writer = await fixture.openWriter()
      const first = await writer.commit(appending('a'))
      await fixture.pass(1_000)
      const second = await writer.commit(appending('b'))
      expect(second.visibleUs - first.visibleUs).toBe(1_000_000)
      const slices = (await (await fixture.openReader()).pull(generous))!
      const times = slices.map(({ visibleUs }) => visibleUs)
      expect(times).toEqual([first.visibleUs, second.visibleUs])
    })
  })

  describe('positions', () => {
    it('are those of the last commit when a task is opened again', async () => {
      const writer = await fixture.openWriter()
      await writer.commit(appending('a', 'b'))
      await writer.commit(appending('c'))
      const reader = await fixture.openReader()
      await reader.pull(generous)
      await reader.commit(commitOf({ next: [{ ...input, offset: 2n }] }))
      expect(reader.positions).toEqual([2n])
      await fixture.reopen()
      const again = await fixture.openReader()
      expect(again.positions).toEqual([2n])
      expect(valuesOf(await again.pull(generous))).toEqual(['c'])
    })

    it('may lie inside a batch', async () => {
      await (await fixture.openWriter()).commit(appending('a', 'b', 'c'))
      const reader = await fixture.openReader()
      await reader.commit(commitOf({ next: [{ ...input, offset: 1n }] }))
      await fixture.reopen()
      const slices = await (await fixture.openReader()).pull(generous)
      expect(slices![0]!.from).toBe(1)
      expect(valuesOf(slices)).toEqual(['b', 'c'])
    })

    it('are of the group, not of the task', async () => {
      await (await fixture.openWriter()).commit(appending('a', 'b'))
      const reader = await fixture.openReader()
      await reader.commit(commitOf({ next: [{ ...input, offset: 2n }] }))
      await reader.close()
      const spec = { id: 'other/0', group: 'r', inputs: [input], start: 'earliest' } as const
      expect((await fixture.log.openTask(spec)).positions).toEqual([2n])
      expect((await fixture.openReader({ group: 'other' })).positions).toEqual([0n])
    })

    it('of a group without one follow the start rule, once', async () => {
      const writer = await fixture.openWriter()
      await writer.commit(appending('a'))
      expect((await fixture.openReader({ group: 'e', start: 'earliest' })).positions).toEqual([0n])
      const late = await fixture.openReader({ group: 'l', start: 'latest' })
      const [end = 0n] = late.positions
      expect(end).toBeGreaterThanOrEqual(1n)
      if (fixture.capabilities.exactOffsets) expect(end).toBe(1n)
      await late.close()
      await writer.commit(appending('b'))
      const again = await fixture.openReader({ group: 'l', start: 'latest' })
      expect(valuesOf(await again.pull(generous))).toEqual(['b'])
    })

    it('never move back, nor past the end', async () => {
      await (await fixture.openWriter()).commit(appending('a', 'b'))
      const reader = await fixture.openReader()
      await reader.commit(commitOf({ next: [{ ...input, offset: 2n }] }))
      const past = fixture.capabilities.exactOffsets ? 3n : 9n
      for (const offset of [1n, past]) {
        const moved = reader.commit(commitOf({ next: [{ ...input, offset }] }))
        await expect(moved).rejects.toMatchObject({ code: 'INVARIANT' })
      }
      expect(reader.positions).toEqual([2n])
    })

    it('leave a lag, which shrinks by pulling', async () => {
      const writer = await fixture.openWriter()
      await writer.commit(appending('a', 'b'))
      await writer.commit(appending('c'))
      const reader = await fixture.openReader()
      const [before = 0] = await reader.lag()
      await reader.pull({ ...generous, maxRecords: 1 })
      const [between = 0] = await reader.lag()
      await reader.pull(generous)
      expect(await reader.lag()).toEqual([0])
      // What stands between records counts, where there is something: it is only known when it is read.
      expect(before).toBeGreaterThanOrEqual(3)
      expect(between).toBeGreaterThanOrEqual(1)
      expect(before).toBeGreaterThan(between)
      if (fixture.capabilities.exactOffsets) expect([before, between]).toEqual([3, 1])
    })
  })
}
