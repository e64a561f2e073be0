import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSystemClock } from '../../../src/clock/system-clock.ts'
import { openEmbeddedLog } from '../../../src/logs/embedded/open-embedded-log.ts'
import { batchWith } from '../../conformance/batches.ts'
import { startCopier, temporaryDirectory } from './copier-process.ts'

const clock = createSystemClock()
const never = new AbortController().signal

describe('a data directory', { timeout: 30_000 }, () => {
  let root: string
  let directory: string
  beforeEach(() => {
    root = temporaryDirectory()
    directory = join(root, 'deep', 'data')
  })
  afterEach(() => rmSync(root, { recursive: true }))

  it('is made when it is missing, for its user alone, with its files', async () => {
    const log = await openEmbeddedLog({ directory, clock })
    await log.admin.ensureTopics([{ name: 'in', partitions: 1, retentionMs: null }])
    const modes = ['.', 'log.db', 'log.db-wal', 'log.db-shm', 'lock.db', 'lock.json'].map(
      (file) => {
        return (statSync(join(directory, file)).mode & 0o777).toString(8)
      },
    )
    expect(modes).toEqual(['700', '600', '600', '600', '600', '600'])
    await log.close()
    expect(existsSync(join(directory, 'log.db-wal'))).toBe(false)
    expect(existsSync(join(directory, 'lock.json'))).toBe(false)
  })

  it('has one writer: a second one, here or in another process, learns who holds it within a second', async () => {
    const holder = startCopier({ directory, batches: 2, recordsPerBatch: 2, stays: true })
    await holder.said('finished')
    const before = clock.monotonicUs()
    await expect(openEmbeddedLog({ directory, clock })).rejects.toMatchObject({
      code: 'DATA_DIR_IN_USE',
      message: expect.stringMatching(
        new RegExp(`${directory} is in use by process ${holder.child.pid} on .* since 20`),
      ),
    })
    expect(clock.monotonicUs() - before).toBeLessThan(1_000_000)
    holder.child.kill('SIGKILL')
    await holder.ended

    expect(existsSync(join(directory, 'lock.json'))).toBe(true)
    const log = await openEmbeddedLog({ directory, clock })
    await expect(openEmbeddedLog({ directory, clock })).rejects.toMatchObject({
      code: 'DATA_DIR_IN_USE',
      message: expect.stringContaining('this very process'),
    })
    await log.close()
    await (await openEmbeddedLog({ directory, clock })).close()
  })

  it('says that it is in use whatever lock.json holds', async () => {
    const log = await openEmbeddedLog({ directory, clock })
    for (const text of ['', '{"pid":{}}', '[]', '\u0000', '{"pid":1']) {
      writeFileSync(join(directory, 'lock.json'), text)
      await expect(openEmbeddedLog({ directory, clock })).rejects.toMatchObject({
        code: 'DATA_DIR_IN_USE',
        message: expect.stringContaining('in use by another process'),
      })
    }
    await log.close()
  })

  it('can be read while another process writes it', async () => {
    const writer = startCopier({ directory, batches: 300, recordsPerBatch: 5, stays: true })
    await writer.said('fed 50')
    const log = await openEmbeddedLog({ directory, clock, readOnly: true })
    let previous = 0n
    for (let look = 0; look < 200; look++) {
      const topics = await log.reader.topics()
      const { end } = topics.find(({ name }) => name === 'in')!.ranges[0]!
      expect(end).toBeGreaterThanOrEqual(previous)
      previous = end
      const [slice] = await log.reader.read({ topic: 'in', partition: 0, offset: end - 1n }, 1)
      expect(slice?.batch.valueText(4)).toBe(`v${end - 1n}`)
    }
    writer.child.kill('SIGKILL')
    await writer.ended
    expect(await log.reader.read({ topic: 'in', partition: 0, offset: 0n }, 1)).toHaveLength(1)
    await log.close()
  })

  it('opened for reading takes no task and no change', async () => {
    await (await openEmbeddedLog({ directory, clock })).close()
    const log = await openEmbeddedLog({ directory, clock, readOnly: true })
    const refused = { code: 'INVARIANT', message: expect.stringContaining('reading only') }
    const task = { id: 'a', group: 'a', inputs: [], start: 'earliest' } as const
    await expect(log.openTask(task)).rejects.toMatchObject(refused)
    await expect(log.admin.ensureTopics([])).rejects.toMatchObject(refused)
    await expect(log.admin.alterTopic({ name: 'in' })).rejects.toMatchObject(refused)
    await expect(log.admin.reset({ topics: [], groups: [] })).rejects.toMatchObject(refused)
    await expect(log.admin.storeManifest('p', '{}')).rejects.toMatchObject(refused)
    expect(await log.admin.manifests()).toEqual([])
    expect(await log.admin.describeTopics(['in'])).toEqual([])
    await log.close()
  })

  it('without a log cannot be read, and is not made by reading', async () => {
    const opened = openEmbeddedLog({ directory, clock, readOnly: true })
    await expect(opened).rejects.toMatchObject({ code: 'CONFIG_FILE' })
    expect(existsSync(directory)).toBe(false)
    mkdirSync(directory, { recursive: true })
    await expect(openEmbeddedLog({ directory, clock, readOnly: true })).rejects.toMatchObject({
      code: 'CONFIG_FILE',
      message: expect.stringContaining('holds no log yet'),
    })
  })

  it('that is a file, or lies in one, is refused', async () => {
    const file = join(root, 'file')
    writeFileSync(file, 'text')
    for (const path of [file, join(file, 'below')]) {
      await expect(openEmbeddedLog({ directory: path, clock })).rejects.toMatchObject({
        code: 'CONFIG_FILE',
        message: expect.stringContaining(`data directory ${path} cannot be used`),
      })
    }
    expect(readFileSync(file, 'utf8')).toBe('text')
  })

  it.runIf(process.getuid?.() !== 0)('that may not be written is refused', async () => {
    mkdirSync(directory, { recursive: true })
    chmodSync(directory, 0o500)
    await expect(openEmbeddedLog({ directory, clock })).rejects.toMatchObject({
      code: 'CONFIG_FILE',
    })
  })

  it('that is removed while it is written breaks the log, loudly', async () => {
    const log = await openEmbeddedLog({ directory, clock })
    await log.admin.ensureTopics([{ name: 'in', partitions: 1, retentionMs: null }])
    const inputs = [{ topic: 'in', partition: 0 }]
    const task = await log.openTask({ id: 'a/0', group: 'a', inputs, start: 'earliest' })
    const commit = () => {
      const outputs = [{ topic: 'in', partition: 0, batch: batchWith('a') }]
      return task.commit({ outputs, state: [], next: [] })
    }
    await commit()
    await task.pull({ maxRecords: 9, maxBytes: 9e9, waitMs: 0, signal: never })
    const waiting = task.pull({ maxRecords: 9, maxBytes: 9e9, waitMs: Infinity, signal: never })
    const ended = waiting.then(String, (error: unknown) => error)
    rmSync(directory, { recursive: true })
    const broken = { code: 'LOG_IO', message: expect.stringContaining('was removed or replaced') }
    await expect(commit()).rejects.toMatchObject(broken)
    await expect(commit()).rejects.toMatchObject(broken)
    expect(await ended).toMatchObject(broken)
    await expect(task.restore()).rejects.toMatchObject(broken)
    await log.close()
  })
})
