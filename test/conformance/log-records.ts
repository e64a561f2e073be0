import { describe, expect, it } from 'vitest'
import type { Header } from '../../src/core/record-batch.ts'
import { batchOf, batchWith, valuesOf } from './batches.ts'
import { appending, commitOf, generous, input, output, type LogFixture } from './log-fixture.ts'

export function logKeepsRecords(fixture: LogFixture): void {
  describe('records', () => {
    it('come back in the order in which they were committed', async () => {
      const writer = await fixture.openWriter()
      for (const value of ['a', 'b', 'c']) await writer.commit(appending(value, `${value}2`))
      const reader = await fixture.openReader()
      const slices = await reader.pull(generous)
      expect(valuesOf(slices)).toEqual(['a', 'a2', 'b', 'b2', 'c', 'c2'])
      const places = slices!.map(({ baseOffset, next }) => [baseOffset, next])
      for (const [index, [base = 0n, next = 0n]] of places.entries()) {
        const [, before = 0n] = places[index - 1] ?? []
        expect(base).toBeGreaterThanOrEqual(before)
        expect(next).toBeGreaterThanOrEqual(base + 2n)
      }
      if (!fixture.capabilities.exactOffsets) return
      expect(places).toEqual([
        [0n, 2n],
        [2n, 4n],
        [4n, 6n],
      ])
    })

    it('keep the order of commits that did not wait for each other', async () => {
      const writer = await fixture.openWriter()
      const values = Array.from({ length: 100 }, (_, index) => `v${index}`)
      await Promise.all(values.map((value) => writer.commit(appending(value))))
      const reader = await fixture.openReader()
      expect(valuesOf(await reader.pull(generous))).toEqual(values)
    })

    it('keep their bytes, with odd header names and several headers of one name', async () => {
      const bytes = Uint8Array.from({ length: 256 }, (_, index) => index)
      const headers: Header[] = [
        ['__proto__', Buffer.from('polluted')],
        ['constructor', Buffer.from([0, 255])],
        ['a', Buffer.from('1')],
        ['a', Buffer.from('2')],
        ['', Buffer.alloc(0)],
        ['ünïcode \u0000', bytes],
      ]
      const batch = batchOf([{ key: bytes, value: bytes, headers }])
      await (await fixture.openWriter()).commit(commitOf({ outputs: [{ ...input, batch }] }))
      const [slice] = (await (await fixture.openReader()).pull(generous))!
      expect([...slice!.batch.key(0)!]).toEqual([...bytes])
      expect([...slice!.batch.value(0)!]).toEqual([...bytes])
      const kept = slice!.batch.headers(0).map(([title, value]) => [title, [...value]])
      expect(kept).toEqual(headers.map(([title, value]) => [title, [...value]]))
    })

    it('tell null from empty', async () => {
      const records = [{ key: null, value: '' }, { key: '', value: null }, {}]
      const batch = batchOf(records)
      await (await fixture.openWriter()).commit(commitOf({ outputs: [{ ...input, batch }] }))
      const [slice] = (await (await fixture.openReader()).pull(generous))!
      expect([0, 1, 2].map((index) => slice!.batch.keyText(index))).toEqual([null, '', null])
      expect([0, 1, 2].map((index) => slice!.batch.valueText(index))).toEqual(['', null, null])
    })

    it('keep their times, their marker and their writer', async () => {
      const records = [
        { timestampMs: 1_700_000_000_123, eventTimeMs: NaN },
        { timestampMs: 5, eventTimeMs: -1, marker: true },
      ]
      const batch = batchOf(records, 'flow.clean/3')
      await (await fixture.openWriter()).commit(commitOf({ outputs: [{ ...input, batch }] }))
      const slices = await (await fixture.openReader()).pull(generous)
      const read = slices![0]!.batch
      expect([...read.timestampMs]).toEqual([1_700_000_000_123, 5])
      expect([...read.eventTimeMs]).toEqual([NaN, -1])
      expect([...read.ingestUs, ...read.waitUs, ...read.runUs]).toEqual([0, 1, 2, 2, 3, 3])
      expect([read.isMarker(0), read.isMarker(1), read.writer]).toEqual([
        false,
        true,
        'flow.clean/3',
      ])
    })

    it('may be 10 MB large', async () => {
      const value = Buffer.alloc(10 * 2 ** 20, 'x')
      value.writeUInt32LE(0xdeadbeef, 7_654_321)
      const batch = batchOf([{ value }])
      await (await fixture.openWriter()).commit(commitOf({ outputs: [{ ...input, batch }] }))
      const slices = await (await fixture.openReader()).pull({ ...generous, maxBytes: 1_000 })
      expect(Buffer.compare(slices![0]!.batch.value(0)!, value)).toBe(0)
    })

    it('of one commit may go to one partition in several batches, and to several topics', async () => {
      const outputs = [
        { ...output, batch: batchWith('x') },
        { ...input, batch: batchWith('a') },
        { ...input, batch: batchWith('b') },
        { topic: 'out', partition: 1, batch: batchWith('y') },
      ]
      await (await fixture.openWriter()).commit(commitOf({ outputs }))
      expect(valuesOf(await fixture.log.reader.read({ ...input, offset: 0n }, 1e6))).toEqual([
        'a',
        'b',
      ])
      expect(valuesOf(await fixture.log.reader.read({ ...output, offset: 0n }, 1e6))).toEqual(['x'])
      const other = { topic: 'out', partition: 1, offset: 0n }
      expect(valuesOf(await fixture.log.reader.read(other, 1e6))).toEqual(['y'])
    })

    it('outlive closing and opening the log', async () => {
      await (await fixture.openWriter()).commit(appending('a', 'b'))
      await fixture.reopen()
      await (await fixture.openWriter()).commit(appending('c'))
      expect(valuesOf(await (await fixture.openReader()).pull(generous))).toEqual(['a', 'b', 'c'])
    })
  })

  describe('reading', () => {
    it('begins with the batch that holds the offset', async () => {
      const writer = await fixture.openWriter()
      for (const value of ['a', 'b', 'c']) await writer.commit(appending(value, `${value}2`))
      const read = (offset: bigint) => fixture.log.reader.read({ ...input, offset }, 1e6)
      const [, second, third] = (await read(0n)).map(({ baseOffset }) => baseOffset)
      const slices = await read(second! + 1n)
      expect(slices.map(({ baseOffset, from }) => [baseOffset, from])).toEqual([
        [second, 1],
        [third, 0],
      ])
      expect(valuesOf(slices)).toEqual(['b2', 'c', 'c2'])
      if (fixture.capabilities.exactOffsets) expect([second, third]).toEqual([2n, 4n])
    })

    it('pages by bytes, at least one batch at a time, to an empty page at the end', async () => {
      const writer = await fixture.openWriter()
      for (const value of ['a', 'b', 'c']) await writer.commit(appending(value))
      const pages = []
      for (let offset = 0n; ;) {
        const page = await fixture.log.reader.read({ ...input, offset }, 1)
        pages.push(valuesOf(page))
        if (page.length === 0) break
        offset = page.at(-1)!.next
      }
      expect(pages).toEqual([['a'], ['b'], ['c'], []])
    })

    it('of an offset past the end, or of an empty partition, gives nothing', async () => {
      await (await fixture.openWriter()).commit(appending('a'))
      expect(await fixture.log.reader.read({ ...input, offset: 99n }, 1e6)).toEqual([])
      expect(await fixture.log.reader.read({ ...output, offset: 0n }, 1e6)).toEqual([])
    })

    it('of an unknown topic or partition is refused', async () => {
      for (const from of [
        { topic: 'nowhere', partition: 0 },
        { topic: 'in', partition: 9 },
      ]) {
        const read = fixture.log.reader.read({ ...from, offset: 0n }, 1e6)
        await expect(read).rejects.toMatchObject({ code: 'CONFIG_USAGE' })
      }
    })
  })
}
