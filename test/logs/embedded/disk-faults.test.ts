import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSystemClock } from '../../../src/clock/system-clock.ts'
import type { Log } from '../../../src/core/log.ts'
import { openEmbeddedLog } from '../../../src/logs/embedded/open-embedded-log.ts'
import { checkpointBytes } from '../../../src/logs/embedded/storage.ts'
import { batchOf } from '../../conformance/batches.ts'
import {
  expectedValues,
  lastNumber,
  recover,
  startCopier,
  temporaryDirectory,
} from './copier-process.ts'

const clock = createSystemClock()
const input = { topic: 'in', partition: 0 }
const megabyte = 2 ** 20

function canMount(): boolean {
  const directory = temporaryDirectory()
  const mounted =
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory]).status === 0
  if (mounted) execFileSync('umount', [directory])
  rmSync(directory, { recursive: true })
  if (!mounted) console.warn('SKIPPED: a full disk (mounting a tmpfs needs root on Linux)')
  return mounted
}

function canInject(): boolean {
  const traced =
    spawnSync('strace', ['-f', '-e', 'trace=none', process.execPath, '-e', '0']).status === 0
  if (!traced)
    console.warn('SKIPPED: failing fsync calls (strace is not installed, or may not trace)')
  return traced
}

async function openWithTopic(directory: string, notice: (message: string) => void): Promise<Log> {
  const log = await openEmbeddedLog({ directory, clock, notice })
  await log.admin.ensureTopics([{ name: 'in', partitions: 1, retentionMs: null }])
  return log
}

async function waitUntil(isSo: () => boolean): Promise<void> {
  while (!isSo()) await clock.sleep(5)
}

describe('a long run', () => {
  it('keeps the WAL small', { timeout: 60_000 }, async () => {
    const directory = temporaryDirectory()
    const log = await openWithTopic(directory, () => {})
    const inputs = [input]
    const task = await log.openTask({ id: 'w/0', group: 'w', inputs, start: 'earliest' })
    const { signal } = new AbortController()
    let largest = 0
    for (let number = 0; number < 200; number++) {
      const batch = batchOf([{ value: Buffer.alloc(megabyte, number) }])
      await task.commit({ outputs: [{ ...input, batch }], state: [], next: [] })
      await task.pull({ maxRecords: 1, maxBytes: 1, waitMs: 0, signal })
      largest = Math.max(largest, statSync(join(directory, 'log.db-wal')).size)
    }
    expect(largest).toBeGreaterThan(checkpointBytes / 2)
    expect(largest).toBeLessThan(3 * checkpointBytes)
    await log.close()
    rmSync(directory, { recursive: true })
  })
})

describe.runIf(canMount())('a full disk', { timeout: 30_000 }, () => {
  let directory: string
  let notices: string[]
  const notice = (message: string) => void notices.push(message)
  const ballast = () => join(directory, 'ballast')
  beforeEach(() => {
    directory = temporaryDirectory()
    notices = []
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', directory])
  })
  afterEach(() => {
    execFileSync('umount', [directory])
    rmSync(directory, { recursive: true })
  })

  it('makes commits wait; they go on by themselves, in order and complete', async () => {
    writeFileSync(ballast(), Buffer.alloc(5 * megabyte))
    const log = await openWithTopic(directory, notice)
    const task = await log.openTask({ id: 'w/0', group: 'w', inputs: [], start: 'earliest' })
    let answered = 0
    const commits = Array.from({ length: 30 }, async (_, number) => {
      const batch = batchOf([{ value: `v${number}`.padEnd(100_000) }])
      const state = [{ step: 's', key: 'count', value: String(number + 1), dueMs: null }]
      await task.commit({ outputs: [{ ...input, batch }], state, next: [] })
      answered += 1
    })
    await waitUntil(() => notices.length > 0)
    expect(notices[0]).toMatch(/disk full: .* Free space/)
    expect(answered).toBeLessThan(30)
    const inRoom = await log.reader.read({ ...input, offset: 0n }, 1e9)
    expect(inRoom).toHaveLength(answered)

    rmSync(ballast())
    await Promise.all(commits)
    expect(
      notices.map((message) => /^disk full|room on the disk again/.exec(message)?.[0]),
    ).toEqual(['disk full', 'room on the disk again'])
    const slices = await log.reader.read({ ...input, offset: 0n }, 1e9)
    const values = slices.map(({ batch }) => batch.valueText(0)!.trim())
    expect(values).toEqual(expectedValues(30))
    expect(await task.restore()).toMatchObject([{ value: '30' }])
    await log.close()
  })

  it('does not keep the log from closing; what was answered is there afterwards', async () => {
    writeFileSync(ballast(), Buffer.alloc(5 * megabyte))
    const log = await openWithTopic(directory, notice)
    const task = await log.openTask({ id: 'w/0', group: 'w', inputs: [], start: 'earliest' })
    const ends = Array.from({ length: 60 }, (_, number) => {
      const batch = batchOf([{ value: `v${number}`.padEnd(100_000) }])
      const committed = task.commit({ outputs: [{ ...input, batch }], state: [], next: [] })
      return committed.then(
        () => null,
        (error: unknown) => error,
      )
    })
    await waitUntil(() => notices.length > 0)
    await log.close()
    const errors = await Promise.all(ends)
    const kept = errors.findIndex((error) => error !== null)
    expect(errors[kept]).toMatchObject({
      code: 'LOG_IO',
      message: expect.stringContaining('disk was full'),
    })
    expect(errors.slice(kept)).not.toContain(null)

    rmSync(ballast())
    const again = await openWithTopic(directory, notice)
    const slices = await again.reader.read({ ...input, offset: 0n }, 1e9)
    expect(slices).toHaveLength(kept)
    await again.close()
  })

  it('at the start is said, and leaves no lock behind', async () => {
    mkdirSync(join(directory, 'data'))
    writeFileSync(ballast(), Buffer.alloc(8 * megabyte - 5 * 4096))
    const options = { directory: join(directory, 'data'), clock, notice }
    await expect(openEmbeddedLog(options)).rejects.toMatchObject({ code: 'DISK_FULL' })
    rmSync(ballast())
    await (await openEmbeddedLog(options)).close()
  })
})

describe.runIf(canInject())('a disk that fails', { timeout: 60_000 }, () => {
  const size = { batches: 6, recordsPerBatch: 5 }

  it.each([1, 2, 3, 5, 8, 13])(
    'at fsync number %i ends the run; nothing answered is lost',
    async (when) => {
      const directory = temporaryDirectory()
      const fault = `inject=fsync,fdatasync:error=EIO:when=${when}+`
      const copier = startCopier({ directory, ...size }, [
        'strace',
        '-f',
        '-qq',
        '-o',
        '/dev/null',
        '-e',
        fault,
      ])
      expect(await copier.ended).toBe(1)
      expect(copier.lines.at(-1)).toMatch(/^LOG_IO: .*(disk I\/O error|closed)/)

      const copied = await recover(directory)
      expect(copied.position).toBe(copied.outputs.length)
      expect(copied.counted).toBe(copied.outputs.length)
      expect(copied.outputs.length).toBeGreaterThanOrEqual(lastNumber(copier.lines, 'copied'))
      expect(await startCopier({ directory, ...size }).ended).toBe(0)
      const records = size.batches * size.recordsPerBatch
      expect((await recover(directory)).outputs).toEqual(expectedValues(records))
      rmSync(directory, { recursive: true })
    },
  )
})
