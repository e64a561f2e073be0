import { describe, expect, it } from 'vitest'
import type { TaskLog } from '../../src/core/log.ts'
import { batchOf, valuesOf } from './batches.ts'
import { appending, commitOf, endless, generous, input, type LogFixture } from './log-fixture.ts'

export function logAdministersTopics(fixture: LogFixture): void {
  describe('topics', () => {
    it('are listed with their ranges', async () => {
      await (await fixture.openWriter()).commit(appending('a', 'b'))
      const topics = await fixture.log.reader.topics()
      expect(topics.map(({ name: topic }) => topic).toSorted()).toEqual(['in', 'out', 'short'])
      expect(topics.find(({ name: topic }) => topic === 'in')).toEqual({
        name: 'in',
        partitions: 2,
        retentionMs: null,
        ranges: [
          { start: 0n, end: 2n },
          { start: 0n, end: 0n },
        ],
      })
    })

    it('that exist already keep their records and take the new retention', async () => {
      await (await fixture.openWriter()).commit(appending('a'))
      await fixture.log.admin.ensureTopics([{ name: 'in', partitions: 2, retentionMs: 5_000 }])
      const topic = (await fixture.log.reader.topics()).find(
        (candidate) => candidate.name === 'in',
      )!
      expect([topic.retentionMs, topic.ranges[0]!.end]).toEqual([5_000, 1n])
    })

    it('with another number of partitions are refused, and nothing is created then', async () => {
      const ensured = fixture.log.admin.ensureTopics([
        { name: 'new', partitions: 1, retentionMs: null },
        { name: 'in', partitions: 3, retentionMs: null },
      ])
      await expect(ensured).rejects.toMatchObject({ code: 'CONFIG_INCOMPATIBLE' })
      const names = (await fixture.log.reader.topics()).map(({ name: topic }) => topic)
      expect(names).not.toContain('new')
    })

    it('can be forgotten with their records, and created again empty', async () => {
      const writer = await fixture.openWriter()
      await writer.commit(appending('a', 'b'))
      const reader = await fixture.openReader()
      await reader.commit(commitOf({ next: [{ ...input, offset: 2n }] }))
      await fixture.log.admin.reset({ topics: ['in', 'unknown'], groups: [] })
      expect((await fixture.log.reader.topics()).map(({ name: topic }) => topic)).not.toContain(
        'in',
      )
      await fixture.log.admin.ensureTopics([{ name: 'in', partitions: 1, retentionMs: null }])
      await writer.commit(appending('new'))
      const again = await fixture.openReader()
      expect(again.positions).toEqual([0n])
      expect(valuesOf(await again.pull(generous))).toEqual(['new'])
    })

    it('that are forgotten while a task waits for records end its pull loudly', async () => {
      if (!fixture.capabilities.noticesReset) return
      const reader = await fixture.openReader()
      const pulled = reader.pull(endless)
      const ended = pulled.then(String, (error: unknown) => error)
      await fixture.log.admin.reset({ topics: ['in'], groups: [] })
      expect(await ended).toMatchObject({ code: 'LOG_POSITION_LOST' })
    })
  })

  describe('forgetting groups', () => {
    it('removes their positions and the state of their tasks, and fences them', async () => {
      await (await fixture.openWriter()).commit(appending('a'))
      const reader = await fixture.openReader()
      const state = [{ step: 's', key: 'k', value: '1', dueMs: null }]
      await reader.commit(commitOf({ state, next: [{ ...input, offset: 1n }] }))
      await fixture.log.admin.reset({ topics: [], groups: ['r'] })
      await expect(reader.commit(commitOf({}))).rejects.toMatchObject({ code: 'LOG_FENCED' })
      const again = await fixture.openReader()
      expect(again.positions).toEqual([0n])
      expect(await again.restore()).toEqual([])
      await again.commit(commitOf({}))
    })
  })

  describe('retention', () => {
    const short = { topic: 'short', partition: 0 }
    const append = async (task: TaskLog, value: string) => {
      const batch = batchOf([{ value, timestampMs: fixture.clock.wallMs() }])
      await task.commit(commitOf({ outputs: [{ ...short, batch }] }))
    }
    const range = async () => {
      const topics = await fixture.log.reader.topics()
      return topics.find(({ name: topic }) => topic === 'short')!.ranges[0]!
    }
    const openShort = () =>
      fixture.log.openTask({ id: 'p.short/0', group: 'short', inputs: [short], start: 'earliest' })

    it('removes old batches and keeps young ones', async () => {
      const writer = await fixture.openWriter()
      await append(writer, 'old')
      await fixture.clock.advance(50_000)
      await append(writer, 'young')
      await fixture.clock.advance(20_000)
      await fixture.retain()
      expect(await range()).toEqual({ start: 1n, end: 2n })
      expect(valuesOf(await fixture.log.reader.read({ ...short, offset: 0n }, 1e6))).toEqual([
        'young',
      ])
    })

    it('keeps what a group has not read yet', async () => {
      const writer = await fixture.openWriter()
      const reader = await openShort()
      for (const value of ['a', 'b', 'c']) await append(writer, value)
      await fixture.clock.advance(100_000)
      await fixture.retain()
      expect(await range()).toEqual({ start: 0n, end: 3n })
      await reader.commit(commitOf({ next: [{ ...short, offset: 2n }] }))
      await fixture.retain()
      expect(await range()).toEqual({ start: 2n, end: 3n })
      const again = await openShort()
      expect(valuesOf(await again.pull(generous))).toEqual(['c'])
    })

    it('never uses an offset again', async () => {
      const writer = await fixture.openWriter()
      await append(writer, 'a')
      await fixture.clock.advance(100_000)
      await fixture.retain()
      expect(await range()).toEqual({ start: 1n, end: 1n })
      await fixture.reopen()
      await append(await fixture.openWriter(), 'b')
      expect(await range()).toEqual({ start: 1n, end: 2n })
      expect((await openShort()).positions).toEqual([1n])
    })

    it('leaves topics without one alone', async () => {
      await (await fixture.openWriter()).commit(appending('a'))
      await fixture.clock.advance(1e12)
      await fixture.retain()
      expect(valuesOf(await fixture.log.reader.read({ ...input, offset: 0n }, 1e6))).toEqual(['a'])
    })
  })

  describe('manifests', () => {
    it('are kept by pipeline', async () => {
      expect(await fixture.log.admin.loadManifest('flow')).toBe(null)
      expect(await fixture.log.admin.manifests()).toEqual([])
      await fixture.log.admin.storeManifest('flow', '{"a":1}')
      await fixture.log.admin.storeManifest('__proto__', '{}')
      await fixture.log.admin.storeManifest('flow', '{"a":2}')
      await fixture.reopen()
      expect(await fixture.log.admin.loadManifest('flow')).toBe('{"a":2}')
      expect(await fixture.log.admin.manifests()).toEqual(['__proto__', 'flow'])
    })
  })
}
