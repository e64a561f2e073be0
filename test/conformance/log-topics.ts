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
      const found = topics.find(({ name: topic }) => topic === 'in')!
      const end = fixture.capabilities.exactOffsets ? 2n : found.ranges[0]!.end
      expect(end).toBeGreaterThanOrEqual(2n)
      expect(found).toEqual({
        name: 'in',
        partitions: 2,
        retentionMs: null,
        ranges: [
          { start: 0n, end },
          { start: 0n, end: 0n },
        ],
      })
      expect(await fixture.log.reader.ranges('in')).toEqual(found.ranges)
      await expect(fixture.log.reader.ranges('none')).rejects.toMatchObject({
        code: 'CONFIG_USAGE',
      })
    })

    it('that exist already keep their records, and take the new retention unless the log leaves that to others', async () => {
      await (await fixture.openWriter()).commit(appending('a'))
      await fixture.log.admin.ensureTopics([{ name: 'in', partitions: 2, retentionMs: 5_000 }])
      const topic = (await fixture.log.reader.topics()).find(
        (candidate) => candidate.name === 'in',
      )!
      // A cluster is not ours alone: there, only `alterTopic` changes what somebody may have set.
      expect(topic.retentionMs).toBe(fixture.capabilities.ensuresRetention ? 5_000 : null)
      const kept = await fixture.log.reader.read({ ...input, offset: 0n }, 1e6)
      expect(valuesOf(kept)).toEqual(['a'])
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
      if (!fixture.capabilities.forgetsPositionsWithTopics) {
        // What the state was made of is gone, and going on would mix it with something else.
        const opened = fixture.openReader()
        await expect(opened).rejects.toMatchObject({ code: 'LOG_POSITION_LOST' })
        await fixture.log.admin.reset({ topics: [], groups: ['r'] })
      }
      const again = await fixture.openReader()
      expect(again.positions).toEqual([0n])
      expect(valuesOf(await again.pull(generous))).toEqual(['new'])
    })

    it('that are forgotten while a task waits for records end its pull loudly', async ({
      skip,
    }) => {
      skip(!fixture.capabilities.noticesReset)
      const reader = await fixture.openReader()
      const pulled = reader.pull(endless)
      const ended = pulled.then(String, (error: unknown) => error)
      await fixture.log.admin.reset({ topics: ['in'], groups: [] })
      expect(await ended).toMatchObject({ code: 'LOG_POSITION_LOST' })
    })
  })

  describe('settings of topics', () => {
    const describeTopic = async (topic: string) => {
      const found = await fixture.log.admin.describeTopics(['unknown', topic])
      const { name, partitions, retentionMs, cleanup = 'delete' } = found[0]!
      return { topics: found.length, name, partitions, retentionMs, cleanup }
    }
    const short = {
      topics: 1,
      name: 'short',
      partitions: 1,
      retentionMs: 60_000,
      cleanup: 'delete',
    }

    it('are told of those that exist', async () => {
      expect(await describeTopic('short')).toEqual(short)
      expect(await describeTopic('in')).toMatchObject({ partitions: 2, retentionMs: null })
      expect(await fixture.log.admin.describeTopics([])).toEqual([])
    })

    it('change alone, and stay so', async () => {
      await (await fixture.openWriter()).commit(appending('a'))
      await fixture.log.admin.alterTopic({ name: 'in', retentionMs: 5_000 })
      await fixture.log.admin.alterTopic({ name: 'short', retentionMs: null })
      await fixture.reopen()
      expect(await describeTopic('in')).toMatchObject({ partitions: 2, retentionMs: 5_000 })
      expect(await describeTopic('short')).toMatchObject({ partitions: 1, retentionMs: null })
      expect(valuesOf(await fixture.log.reader.read({ ...input, offset: 0n }, 1e6))).toEqual(['a'])
    })

    it('of a topic that is not there cannot be changed', async () => {
      const altered = fixture.log.admin.alterTopic({ name: 'unknown', retentionMs: 1 })
      await expect(altered).rejects.toMatchObject({ code: 'CONFIG_USAGE' })
    })

    it('never mean fewer partitions', async () => {
      const altered = fixture.log.admin.alterTopic({ name: 'in', partitions: 1, retentionMs: 7 })
      await expect(altered).rejects.toMatchObject({ code: 'CONFIG_INCOMPATIBLE' })
      expect(await describeTopic('in')).toMatchObject({ partitions: 2, retentionMs: null })
    })

    it('mean more partitions where the log can, and are refused where it cannot', async () => {
      await (await fixture.openWriter()).commit(appending('a'))
      const altered = fixture.log.admin.alterTopic({ name: 'in', partitions: 4 })
      if (!fixture.capabilities.growsTopics) {
        await expect(altered).rejects.toMatchObject({ code: 'CONFIG_INCOMPATIBLE' })
        return
      }
      await altered
      expect(await describeTopic('in')).toMatchObject({ partitions: 4 })
      const output = { topic: 'in', partition: 3, batch: batchOf([{ value: 'b' }]) }
      await (await fixture.openWriter()).commit(commitOf({ outputs: [output] }))
      const read = (partition: number) =>
        fixture.log.reader.read({ topic: 'in', partition, offset: 0n }, 1e6)
      expect([valuesOf(await read(0)), valuesOf(await read(3))]).toEqual([['a'], ['b']])
    })

    it('mean compaction where the log can, and are refused where it cannot', async () => {
      const { admin } = fixture.log
      const wanted = {
        name: 'latest',
        partitions: 1,
        retentionMs: null,
        cleanup: 'compact',
      } as const
      const created = admin.ensureTopics([wanted])
      if (!fixture.capabilities.compactsTopics) {
        await expect(created).rejects.toMatchObject({ code: 'CONFIG_INCOMPATIBLE' })
        const altered = admin.alterTopic({ name: 'short', cleanup: 'compact' })
        await expect(altered).rejects.toMatchObject({ code: 'CONFIG_INCOMPATIBLE' })
        expect(await admin.describeTopics(['latest'])).toEqual([])
        return
      }
      await created
      expect(await describeTopic('latest')).toMatchObject({ cleanup: 'compact' })
      await admin.alterTopic({ name: 'latest', cleanup: 'delete', retentionMs: 60_000 })
      expect(await describeTopic('latest')).toMatchObject({
        cleanup: 'delete',
        retentionMs: 60_000,
      })
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

  describe.skipIf(!fixture.capabilities.retains)('retention', () => {
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
      await fixture.pass(50_000)
      await append(writer, 'young')
      await fixture.pass(20_000)
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
      await fixture.pass(100_000)
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
      await fixture.pass(100_000)
      await fixture.retain()
      expect(await range()).toEqual({ start: 1n, end: 1n })
      await fixture.reopen()
      await append(await fixture.openWriter(), 'b')
      expect(await range()).toEqual({ start: 1n, end: 2n })
      expect((await openShort()).positions).toEqual([1n])
    })

    it('leaves topics without one alone', async () => {
      await (await fixture.openWriter()).commit(appending('a'))
      await fixture.pass(1e12)
      await fixture.retain()
      expect(valuesOf(await fixture.log.reader.read({ ...input, offset: 0n }, 1e6))).toEqual(['a'])
    })
  })

  describe('manifests', () => {
    it('are kept by pipeline', async () => {
      // Whole ones: other tests, and other pipelines, may see them where the log is a cluster.
      const manifest = (topics: Record<string, number>) =>
        JSON.stringify({ version: 1, topics, reads: [], writes: [], nodes: {} })
      expect(await fixture.log.admin.loadManifest('flow')).toBe(null)
      expect(await fixture.log.admin.manifests()).toEqual([])
      await fixture.log.admin.storeManifest('flow', manifest({ a: 1 }))
      await fixture.log.admin.storeManifest('__proto__', manifest({}))
      await fixture.log.admin.storeManifest('flow', manifest({ a: 2 }))
      await fixture.reopen()
      expect(await fixture.log.admin.loadManifest('flow')).toBe(manifest({ a: 2 }))
      expect(await fixture.log.admin.manifests()).toEqual(['__proto__', 'flow'])
    })
  })
}
