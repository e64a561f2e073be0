import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bucketCount, CacheFile } from '../../../../src/logs/kafka/state/cache/cache-file.ts'
import { visitLast } from '../../../../src/logs/kafka/state/cache/chunk.ts'
import { batchOf } from '../../../conformance/batches.ts'

const changelog = { topic: 'flow.stage.changelog', topicId: 'id-1', partition: 3 }
type Change = readonly [key: string, value: string | null]

/** What a cache holds, or null when it says itself that it holds nothing that can be used. */
function entriesOf(path: string, of = changelog): Map<string, string> | null {
  let file: CacheFile
  try {
    file = new CacheFile(path, of)
  } catch {
    return null
  }
  try {
    return file.mark === null ? null : readAll(file)
  } catch {
    return null
  } finally {
    file.close()
  }
}

function readAll(file: CacheFile): Map<string, string> {
  const entries = new Map<string, string>()
  for (let bucket = 0; bucket < bucketCount; bucket++) {
    visitLast(file.read(bucket), (key, value) => {
      expect(entries.has(key)).toBe(false)
      entries.set(key, value)
    })
  }
  return entries
}

describe('a cache file', { timeout: 30_000 }, () => {
  let directory: string
  let path: string
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-cache-'))
    path = join(directory, 'topic', '3.db')
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  const bytesOf = (changes: readonly Change[]) => {
    return batchOf(changes.map(([key, value]) => ({ key, value }))).bytes
  }

  /** Writes the changes, one batch after the other; offsets count them. */
  function write(batches: readonly (readonly Change[])[], file = new CacheFile(path, changelog)) {
    let offset = file.mark?.offset ?? 0n
    for (const batch of batches) {
      offset += BigInt(batch.length)
      file.apply(batch.length === 0 ? [] : [bytesOf(batch)], { offset, freshMs: Number(offset) })
    }
    file.close()
  }

  const key = fc.oneof(
    fc.constantFrom('a', 'b', '', '["s","k"]', '__proto__', 'é'),
    fc.string({ unit: 'grapheme', maxLength: 8 }),
  )
  const value = fc.oneof(fc.constant(null), fc.string({ unit: 'grapheme', maxLength: 40 }))
  const changes = fc.array(fc.tuple(key, value), { maxLength: 30 })

  it('holds the last record of each key, whatever is written in whatever pieces', () => {
    fc.assert(
      fc.property(fc.array(changes, { maxLength: 8 }), (batches) => {
        rmSync(path, { force: true })
        write(batches)
        const model = new Map<string, string>()
        for (const [name, text] of batches.flat())
          if (text === null) model.delete(name)
          else model.set(name, text)
        const held = batches.length === 0 ? null : model
        expect(entriesOf(path)).toEqual(held)
      }),
      { numRuns: 30 },
    )
  })

  it('keeps no more records than twice the entries, and some, however often they change', () => {
    const file = new CacheFile(path, changelog)
    const model = new Map<string, string>()
    for (let round = 0; round < 30; round++) {
      const batch: Change[] = Array.from({ length: 3_000 }, (_, index) => {
        const number = (round * 977 + index * 13) % 4_000
        return [`key-${number}`, number % 10 === round % 10 ? null : `value ${round} ${index}`]
      })
      for (const [name, text] of batch)
        if (text === null) model.delete(name)
        else model.set(name, text)
      file.apply([bytesOf(batch)], { offset: BigInt(3_000 * (round + 1)), freshMs: round })
    }
    expect(readAll(file)).toEqual(model)
    file.close()
    // 90,000 records were written.
    expect(readFileSync(path).length).toBeLessThan(6_000_000)
    expect(entriesOf(path)).toEqual(model)
  })

  it('says up to where it holds the changelog', () => {
    write([[['a', '1']], [['b', '2']]])
    const file = new CacheFile(path, changelog)
    expect(file.mark).toMatchObject({ offset: 2n, freshMs: 2 })
    file.clear()
    expect(file.mark).toBe(null)
    file.close()
    expect(entriesOf(path)).toBe(null)
  })

  it.each([
    ['topic', { ...changelog, topic: 'flow.other.changelog' }],
    ['partition', { ...changelog, partition: 4 }],
    ['id of the topic, in another cluster or made anew', { ...changelog, topicId: 'id-2' }],
  ])('of another %s is empty, and can be used', (_, other) => {
    write([[['a', '1']]])
    expect(entriesOf(path, other)).toBe(null)
    const file = new CacheFile(path, other)
    file.apply([bytesOf([['b', '2']])], { offset: 1n, freshMs: 0 })
    expect(readAll(file)).toEqual(new Map([['b', '2']]))
    file.close()
    expect(entriesOf(path)).toBe(null)
  })

  it('is used by one at a time', () => {
    const file = new CacheFile(path, changelog)
    expect(() => new CacheFile(path, changelog)).toThrow(/locked/)
    file.apply([bytesOf([['a', '1']])], { offset: 1n, freshMs: 0 })
    file.close()
    expect(entriesOf(path)).toEqual(new Map([['a', '1']]))
  })

  it('that is something else is refused', () => {
    write([[['a', '1']]])
    writeFileSync(path, 'no database, but long enough to be looked at'.repeat(1_000))
    expect(() => new CacheFile(path, changelog)).toThrow()
  })

  it('never gives other entries than were written, whatever happens to its bytes', () => {
    const batches = Array.from({ length: 20 }, (_, round) =>
      Array.from({ length: 200 }, (__, index): Change => [
        `k${(round * 31 + index) % 500}`,
        `v${round}`,
      ]),
    )
    write(batches)
    const intact = readFileSync(path)
    const model = entriesOf(path)!
    const seen = { refused: 0, unharmed: 0 }
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: intact.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        fc.integer({ min: 1, max: 64 }),
        (at, mask, length) => {
          const damaged = Buffer.from(intact)
          for (let index = at; index < Math.min(at + length, damaged.length); index++)
            damaged[index]! ^= mask
          for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true })
          writeFileSync(path, damaged)
          const found = entriesOf(path)
          if (found === null) seen.refused += 1
          else {
            seen.unharmed += 1
            expect(found).toEqual(model)
          }
        },
      ),
      { numRuns: 60 },
    )
    expect(seen.refused).toBeGreaterThan(20)
  })

  it('never gives other entries than were written, wherever it is cut off', () => {
    write(Array.from({ length: 20 }, (_, round) => [[`k${round}`, `v${round}`.repeat(500)]]))
    const model = entriesOf(path)!
    const { length } = readFileSync(path)
    const copy = join(directory, 'copy.db')
    for (let part = 0; part <= 20; part++) {
      cpSync(path, copy)
      truncateSync(copy, Math.floor((length * part) / 20))
      const found = entriesOf(copy)
      expect(found ?? model).toEqual(model)
      for (const suffix of ['', '-wal', '-shm']) rmSync(copy + suffix, { force: true })
    }
  })

  it('that was being written when its process died holds what its mark says', () => {
    const file = new CacheFile(path, changelog)
    const states = new Map<bigint, Map<string, string>>()
    const model = new Map<string, string>()
    for (let round = 1n; round <= 20n; round++) {
      const batch: Change[] = Array.from({ length: 50 }, (_, index) => [
        `k${(Number(round) * 7 + index) % 90}`,
        `v${round}`.padEnd(200),
      ])
      for (const [name, text] of batch) model.set(name, text!)
      states.set(round, new Map(model))
      file.apply([bytesOf(batch)], { offset: round, freshMs: 0 })
    }
    const copy = join(directory, 'copy.db')
    const wal = readFileSync(`${path}-wal`)
    for (let part = 0; part <= 20; part++) {
      cpSync(path, copy)
      // The index of the log lies in memory, and is made anew.
      writeFileSync(`${copy}-wal`, wal.subarray(0, Math.floor((wal.length * part) / 20)))
      const opened = openedOrNull(copy)
      if (opened?.mark != null) expect(readAll(opened)).toEqual(states.get(opened.mark.offset))
      opened?.close()
      for (const suffix of ['', '-wal', '-shm']) rmSync(copy + suffix, { force: true })
    }
    file.close()
    expect(existsSync(`${path}-wal`)).toBe(false)
  })

  function openedOrNull(at: string): CacheFile | null {
    try {
      return new CacheFile(at, changelog)
    } catch {
      return null
    }
  }
})
