import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PipelineError } from '../../../src/core/errors.ts'
import { BatchReader } from '../../../src/logs/embedded/batch-reader.ts'
import { EmbeddedReader } from '../../../src/logs/embedded/embedded-reader.ts'
import { openEmbeddedLog } from '../../../src/logs/embedded/open-embedded-log.ts'
import { rowChecksum } from '../../../src/logs/embedded/schema.ts'
import { readState } from '../../../src/logs/embedded/state-reader.ts'
import { Storage } from '../../../src/logs/embedded/storage.ts'
import { toPipelineError } from '../../../src/logs/embedded/sqlite-error.ts'
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts'
import { batchOf, valuesOf } from '../../conformance/batches.ts'
import { expectedValues, temporaryDirectory } from './copier-process.ts'

const commits = 60
const perCommit = 20
const inputs = [1]
const task = { id: 'p.copy/0', group: 'copy', inputs, start: 'earliest' } as const
const silent = { reach: () => {}, notice: () => {} }

/** Each commit appends to both partitions, moves the position to where it began, and counts; `meanwhile` runs before the close. */
function fill(directory: string, meanwhile: () => void): void {
  mkdirSync(directory, { recursive: true })
  const storage = new Storage({ directory, ...silent })
  storage.ensureTopics([{ name: 'in', partitions: 2, retentionMs: null }])
  storage.storeManifest({ pipeline: 'p', manifest: '{"stages":[]}' })
  const { task: number, epoch } = storage.openTask(task)
  for (let commit = 0; commit < commits; commit++) {
    const values = expectedValues(perCommit * (commit + 1)).slice(-perCommit)
    const [one, other] = [0, 1].map(
      () => batchOf(values.map((value) => ({ key: 'k', value }))).bytes,
    )
    const counted = String(perCommit * commit)
    const stored = {
      task: number,
      epoch,
      outputs: [
        { partitionId: 1, bytes: one! },
        { partitionId: 2, bytes: other! },
      ],
      state: ['a', 'b', 'c'].map((key) => ({ step: 's', key, value: counted, dueMs: commit })),
      next: [{ partitionId: 1, offset: perCommit * commit }],
    }
    expect(storage.apply([stored], []).refusals).toEqual([null])
  }
  meanwhile()
  storage.close({ visible: [] })
}

interface Contents {
  readonly values: readonly (readonly (string | null)[])[]
  readonly position: number
  readonly state: readonly { readonly value: string | null }[]
  readonly manifest: string | null
}

/** All that can be read, as a next start would. */
async function contentsOf(directory: string): Promise<Contents> {
  const storage = new Storage({ directory, ...silent })
  let db: DatabaseSync | null = null
  try {
    const opened = storage.openTask(task)
    db = new DatabaseSync(join(directory, 'log.db'), { readOnly: true })
    const reader = new EmbeddedReader(db, new BatchReader(db, () => undefined))
    const topics = await reader.topics()
    const values = []
    for (const partition of topics.map((topic) => topic.ranges.map((_, index) => index)).flat()) {
      values.push(valuesOf(await reader.read({ topic: 'in', partition, offset: 0n }, 1e9)))
    }
    const state = readState(db, { id: task.id, number: opened.task })
    return {
      values,
      position: opened.positions[0]!,
      state,
      manifest: await reader.loadManifest('p'),
    }
  } catch (error) {
    throw toPipelineError(error, 'reading all')
  } finally {
    db?.close()
    try {
      storage.close({ visible: [] })
    } catch {
      // Closing a damaged file may notice the damage once more.
    }
  }
}

describe('a damaged log', () => {
  const original = temporaryDirectory()
  const running = join(original, 'running')
  const copy = join(original, 'copy')
  let intact: Contents

  beforeAll(async () => {
    mkdirSync(running)
    fill(original, () => {
      for (const file of ['log.db', 'log.db-wal'])
        copyFileSync(join(original, file), join(running, file))
    })
    mkdirSync(copy)
    copyFileSync(join(original, 'log.db'), join(copy, 'log.db'))
    intact = await contentsOf(copy)
  })
  afterAll(() => rmSync(original, { recursive: true }))

  /** A fresh copy of `files` of `from`. */
  const restore = (from: string, files: readonly string[]) => {
    rmSync(copy, { recursive: true, force: true })
    mkdirSync(copy)
    for (const file of files) copyFileSync(join(from, file), join(copy, file))
  }
  const flipBit = (file: string, at: number) => {
    const bytes = readFileSync(file)
    const byte = Math.floor(at * bytes.length)
    bytes[byte] = bytes[byte]! ^ (1 << (Math.floor(at * 8 * bytes.length) % 8))
    writeFileSync(file, bytes)
  }

  it('is what was written while it is intact', () => {
    const all = expectedValues(commits * perCommit)
    expect(intact.values).toEqual([all, all])
    expect(intact.position).toBe((commits - 1) * perCommit)
    expect(intact.state.map(({ value }) => value)).toEqual(
      Array(3).fill(String((commits - 1) * perCommit)),
    )
  })

  it(
    'never gives different data: any flipped bit changes nothing or is said',
    { timeout: 60_000 },
    async () => {
      let found = 0
      const property = fc.asyncProperty(
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        async (at) => {
          restore(original, ['log.db'])
          flipBit(join(copy, 'log.db'), at)
          try {
            expect(await contentsOf(copy)).toEqual(intact)
          } catch (error) {
            if (!(error instanceof PipelineError)) throw error
            expect(['LOG_CORRUPT', 'LOG_VERSION', 'LOG_IO', 'CONFIG_USAGE']).toContain(error.code)
            found += 1
          }
        },
      )
      await fc.assert(property, { numRuns: 150 })
      expect(found).toBeGreaterThan(50)
    },
  )

  it('names topic, partition and offset of a batch that fails its checksum', async () => {
    restore(original, ['log.db'])
    const file = join(copy, 'log.db')
    const bytes = readFileSync(file)
    // All of them: copies that moved to another page stay in the gaps of the old one.
    for (let at = 0; (at = bytes.indexOf('v100kv101', at)) !== -1;) bytes[at] = 'w'.charCodeAt(0)
    writeFileSync(file, bytes)
    await expect(contentsOf(copy)).rejects.toMatchObject({
      code: 'LOG_CORRUPT',
      message: expect.stringMatching(/topic in, partition [01].*offset 100 fails its checksum/),
    })
  })

  it('that lost the end of its WAL is of one earlier moment', { timeout: 60_000 }, async () => {
    const size = statSync(join(running, 'log.db-wal')).size
    const property = fc.asyncProperty(
      fc.integer({ min: 0, max: size }),
      fc.boolean(),
      async (at, cut) => {
        restore(running, ['log.db', 'log.db-wal'])
        if (cut) truncateSync(join(copy, 'log.db-wal'), at)
        else flipBit(join(copy, 'log.db-wal'), at / (size + 1))
        let contents: Contents
        try {
          contents = await contentsOf(copy)
        } catch (error) {
          // The cut may lie before the tables were created: then there is no partition 1 to read.
          expect(error).toMatchObject({ code: expect.stringMatching(/INVARIANT|LOG_CORRUPT/) })
          return
        }
        const { position, values, state } = contents
        const written = values[0]!.length
        expect(values).toEqual([expectedValues(written), expectedValues(written)])
        expect(position).toBe(Math.max(0, written - perCommit))
        const counts = state.map(({ value }) => Number(value))
        expect(counts).toEqual(written === 0 ? [] : [position, position, position])
      },
    )
    await fc.assert(property, { numRuns: 80 })
  })

  it('of a newer format is refused, and not touched', async () => {
    restore(original, ['log.db'])
    const db = new DatabaseSync(join(copy, 'log.db'))
    db.prepare(`UPDATE meta SET value = '2', crc = ? WHERE name = 'format'`).run(
      rowChecksum('format', '2'),
    )
    db.close()
    const before = crc32(readFileSync(join(copy, 'log.db')))
    const clock = new VirtualClock()
    for (const readOnly of [false, true]) {
      await expect(openEmbeddedLog({ directory: copy, clock, readOnly })).rejects.toMatchObject({
        code: 'LOG_VERSION',
        message: expect.stringContaining('has format 2'),
      })
    }
    expect(crc32(readFileSync(join(copy, 'log.db')))).toBe(before)
  })

  it('that is no database, or another one, is refused', async () => {
    restore(original, [])
    const clock = new VirtualClock()
    writeFileSync(join(copy, 'log.db'), 'no database at all, but longer than a header'.repeat(30))
    await expect(openEmbeddedLog({ directory: copy, clock })).rejects.toMatchObject({
      code: 'LOG_CORRUPT',
    })
    rmSync(join(copy, 'log.db'))
    const db = new DatabaseSync(join(copy, 'log.db'))
    db.exec('CREATE TABLE other (a)')
    db.close()
    await expect(openEmbeddedLog({ directory: copy, clock })).rejects.toMatchObject({
      code: 'LOG_CORRUPT',
    })
  })
})
