import { describe, expect, it } from 'vitest'
import type { StateChange } from '../../src/core/log.ts'
import { batchWith, valuesOf } from './batches.ts'
import { appending, commitOf, input, output, type LogFixture } from './log-fixture.ts'

export function logCommits(fixture: LogFixture): void {
  describe('a commit', () => {
    it('keeps outputs, state and positions of one step together', async () => {
      await (await fixture.openWriter()).commit(appending('a', 'b'))
      const reader = await fixture.openReader()
      const state = [{ step: 'count', key: 'k', value: '2', dueMs: 7 }]
      const next = [{ ...input, offset: 2n }]
      await reader.commit({ outputs: [{ ...output, batch: batchWith('sum') }], state, next })
      await fixture.reopen()
      const again = await fixture.openReader()
      expect(again.positions).toEqual([2n])
      expect(await again.restore()).toEqual(state)
      expect(valuesOf(await fixture.log.reader.read({ ...output, offset: 0n }, 1e6))).toEqual([
        'sum',
      ])
    })

    it('that is refused leaves nothing, in no topic', async () => {
      const reader = await fixture.openReader()
      const refused = reader.commit({
        outputs: [
          { ...output, batch: batchWith('x') },
          { ...input, batch: batchWith('y') },
        ],
        state: [{ step: 's', key: 'k', value: '1', dueMs: null }],
        next: [{ ...input, offset: 5n }],
      })
      await expect(refused).rejects.toMatchObject({ code: 'INVARIANT' })
      expect(await fixture.log.reader.read({ ...output, offset: 0n }, 1e6)).toEqual([])
      expect(await fixture.log.reader.read({ ...input, offset: 0n }, 1e6)).toEqual([])
      expect(await reader.restore()).toEqual([])
      await reader.commit(commitOf({ outputs: [{ ...output, batch: batchWith('z') }] }))
      const [slice] = await fixture.log.reader.read({ ...output, offset: 0n }, 1e6)
      expect(slice!.baseOffset).toBe(0n)
    })

    it('that is refused does not harm those around it', async () => {
      const old = await fixture.openWriter()
      const writer = await fixture.openWriter()
      const results = await Promise.allSettled([
        writer.commit(appending('a')),
        old.commit(appending('from the old one')),
        writer.commit(appending('b')),
      ])
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
      expect(valuesOf(await fixture.log.reader.read({ ...input, offset: 0n }, 1e6))).toEqual([
        'a',
        'b',
      ])
    })

    it('of a task that was opened again elsewhere is fenced', async () => {
      const old = await fixture.openReader()
      const writer = await fixture.openWriter()
      await writer.commit(appending('a'))
      const holder = await fixture.openReader()
      const next = [{ ...input, offset: 1n }]
      await expect(old.commit(commitOf({ next }))).rejects.toMatchObject({ code: 'LOG_FENCED' })
      await holder.commit(commitOf({ next }))
      await expect(old.commit(commitOf({}))).rejects.toMatchObject({ code: 'LOG_FENCED' })
      expect(holder.positions).toEqual([1n])
    })

    it('may be empty', async () => {
      const writer = await fixture.openWriter()
      const beforeUs = fixture.clock.monotonicUs()
      const { visibleUs } = await writer.commit(commitOf({}))
      expect(visibleUs).toBeGreaterThanOrEqual(beforeUs)
      // A clock that stands still allows no other time than now.
      expect(visibleUs).toBeLessThanOrEqual(fixture.clock.monotonicUs())
    })

    it('takes the batch away: it cannot be used or committed again', async ({ skip }) => {
      skip(!fixture.capabilities.takesBatches)
      const writer = await fixture.openWriter()
      const batch = batchWith('a')
      await writer.commit(commitOf({ outputs: [{ ...input, batch }] }))
      expect(batch.bytes.byteLength).toBe(0)
      const again = writer.commit(commitOf({ outputs: [{ ...input, batch }] }))
      await expect(again).rejects.toMatchObject({ code: 'INVARIANT' })
    })

    it('may hold one batch for two partitions', async () => {
      const batch = batchWith('a')
      const outputs = [
        { ...input, batch },
        { ...output, batch },
      ]
      await (await fixture.openWriter()).commit(commitOf({ outputs }))
      expect(valuesOf(await fixture.log.reader.read({ ...input, offset: 0n }, 1e6))).toEqual(['a'])
      expect(valuesOf(await fixture.log.reader.read({ ...output, offset: 0n }, 1e6))).toEqual(['a'])
    })

    it('to a topic that does not exist is refused', async () => {
      const outputs = [{ topic: 'nowhere', partition: 0, batch: batchWith('a') }]
      const refused = (await fixture.openWriter()).commit(commitOf({ outputs }))
      await expect(refused).rejects.toMatchObject({ code: 'CONFIG_USAGE' })
    })

    it('after closing the task is refused', async () => {
      const writer = await fixture.openWriter()
      const last = writer.commit(appending('a'))
      await writer.close()
      await last
      await expect(writer.commit(appending('b'))).rejects.toMatchObject({ code: 'INVARIANT' })
      expect(valuesOf(await fixture.log.reader.read({ ...input, offset: 0n }, 1e6))).toEqual(['a'])
    })
  })

  describe('state', () => {
    const put = (key: string, value: string | null): StateChange => {
      return { step: 'window', key, value, dueMs: null }
    }

    it('is that of the last commit, entry by entry', async () => {
      const task = await fixture.openWriter()
      await task.commit(commitOf({ state: [put('a', '1'), put('b', '1'), put('c', '1')] }))
      await task.commit(commitOf({ state: [put('a', '2'), put('b', null), put('d', '1')] }))
      await fixture.reopen()
      const expected = { 'window a': '2', 'window c': '1', 'window d': '1' }
      expect(Object.fromEntries(await fixture.stateOf(await fixture.openWriter()))).toEqual(
        expected,
      )
    })

    it('takes the last of several changes of one entry', async () => {
      const task = await fixture.openWriter()
      const state = [put('a', '1'), put('a', null), put('a', '3'), put('b', '1'), put('b', null)]
      await task.commit(commitOf({ state }))
      expect([...(await fixture.stateOf(task))]).toEqual([['window a', '3']])
    })

    it('keeps strange keys apart', async () => {
      const keys = [
        '',
        '__proto__',
        'a\u0000b',
        'a',
        'a\ud800',
        'a\udc00',
        'a\ufffd',
        '😀',
        'A',
        'é',
        'é',
      ]
      const task = await fixture.openWriter()
      await task.commit(commitOf({ state: keys.map((key, index) => put(key, String(index))) }))
      await fixture.reopen()
      const expected = new Map(keys.map((key, index) => [`window ${key}`, String(index)]))
      expect(await fixture.stateOf(await fixture.openWriter())).toEqual(expected)
    })

    it('keeps values and due times exactly', async () => {
      const state = [
        { step: 's', key: 'a', value: '"\ud800 unpaired"', dueMs: 0 },
        { step: 's', key: 'b', value: '', dueMs: -5.5 },
        { step: '$engine', key: 'a', value: 'x'.repeat(100_000), dueMs: 8.64e15 },
      ]
      const task = await fixture.openWriter()
      await task.commit(commitOf({ state }))
      const restored = await task.restore()
      expect(restored).toHaveLength(3)
      for (const entry of state) expect(restored).toContainEqual(entry)
    })

    it("is each task's own", async () => {
      const task = await fixture.openWriter()
      await task.commit(commitOf({ state: [put('a', '1')] }))
      expect(await (await fixture.openReader()).restore()).toEqual([])
    })
  })
}
