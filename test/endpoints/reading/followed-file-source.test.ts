import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { createSystemClock } from '../../../src/clock/system-clock.ts'
import type { Source } from '../../../src/core/endpoints.ts'
import type { JsonValue } from '../../../src/core/json.ts'
import { fileSource } from '../../../src/endpoints/sources/file.ts'
import { aFolder, anEnvironment, aRequest, bindPaths, ManualClock } from '../endpoint-fixture.ts'

const root = aFolder()
let folders = 0
const opened: Follower[] = []

afterEach(async () => {
  for (const follower of opened.splice(0)) await follower.restart()
})

/** Ends the wait of a read after so many looks at nothing. */
class ImpatientClock extends ManualClock {
  /** Later than any file of the test. */
  override nowMs = Date.UTC(2100, 0, 1)
  looksLeft = 0
  stop = new AbortController()

  override sleep(durationMs: number): Promise<void> {
    this.looksLeft -= 1
    if (this.looksLeft <= 0) this.stop.abort()
    return super.sleep(durationMs)
  }
}

/** A followed file, or pattern, in a folder of its own. */
class Follower {
  readonly folder = join(root.path, `f${folders++}`)
  readonly positions = new Map<string, JsonValue>()
  readonly notices: string[] = []
  readonly #setting: Record<string, unknown>
  readonly #clock = new ImpatientClock()
  #source: Source | null = null
  #startMs = 0

  constructor(setting: Record<string, unknown>) {
    this.#setting = { follow: true, format: 'text', ...setting }
    mkdirSync(this.folder)
    opened.push(this)
  }

  /** The time goes on where the file system is, and files that are made from now on are younger. */
  useRealTime(): void {
    this.#startMs = createSystemClock().wallMs() + 30
    this.#clock.nowMs = this.#startMs
  }

  /** Returns once the file system has come to that time too. */
  untilTimeHasPassed(): void {
    const probe = join(root.path, 'probe')
    do {
      rmSync(probe, { force: true })
      writeFileSync(probe, '')
    } while (statSync(probe).birthtimeMs < this.#startMs)
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  write(name: string, text: string | Uint8Array): void {
    writeFileSync(this.path(name), text)
  }

  append(name: string, text: string): void {
    appendFileSync(this.path(name), text)
  }

  /** All records that come until nothing has come for `quietMs`. Positions are kept as if committed. */
  async read(quietMs = 500, maxRecords = 1_000): Promise<string[]> {
    this.#source ??= this.#open()
    const values: string[] = []
    for (;;) {
      this.#clock.looksLeft = quietMs / 100
      this.#clock.stop = new AbortController()
      const { signal } = this.#clock.stop
      const slice = await this.#source.read(aRequest({ signal, maxRecords }))
      if (slice === null) return values
      for (let index = 0; index < slice.batch.count; index++) {
        values.push(slice.batch.valueText(index) ?? 'null')
      }
      for (const [split, position] of slice.positions) {
        if (position === null) this.positions.delete(split)
        else this.positions.set(split, JSON.parse(JSON.stringify(position)) as JsonValue)
      }
    }
  }

  /** The process ends here, however much was read and not committed. */
  async restart(): Promise<void> {
    await this.#source?.close()
    this.#source = null
  }

  #open(): Source {
    const environment = { ...anEnvironment(), clock: this.#clock }
    const config = bindPaths(fileSource.config.parse(this.#setting), this.folder)
    const notice = (message: string) => this.notices.push(message)
    return fileSource.create(config, { ...environment, notice }, new Map(this.positions))
  }
}

describe('the file source with follow: true', () => {
  it('reads lines as they come, and one without an end once it has one', async () => {
    const log = new Follower({ path: 'a.log' })
    expect(await log.read()).toEqual([])
    log.write('a.log', 'one\ntw')
    expect(await log.read()).toEqual(['one'])
    log.append('a.log', 'o\nthree\n')
    expect(await log.read()).toEqual(['two', 'three'])
    expect(await log.read(60_000)).toEqual([])
  })

  it('goes on where it stopped after a restart', async () => {
    const log = new Follower({ path: 'a.log' })
    log.write('a.log', 'one\ntwo\nthr')
    await log.read()
    await log.restart()
    log.append('a.log', 'ee\n')
    expect(await log.read()).toEqual(['three'])
  })

  it('begins with whole lines behind the end where it is told so, and only at the first run', async () => {
    const log = new Follower({ path: '*.log', start: 'end' })
    log.write('a.log', 'old\nhal')
    expect(await log.read()).toEqual([])
    await log.restart()
    log.append('a.log', 'f\nnew\n')
    log.write('b.log', 'later\n')
    expect((await log.read()).toSorted()).toEqual(['half', 'later', 'new'])
  })

  it('reads a renamed file to its end, with a last line without an end, then the new one', async () => {
    const log = new Follower({ path: 'a.log', rotate_wait: '2s' })
    log.write('a.log', '1\n')
    expect(await log.read()).toEqual(['1'])
    renameSync(log.path('a.log'), log.path('a.log.1'))
    log.append('a.log.1', '2\n')
    log.write('a.log', '4\n')
    expect((await log.read()).toSorted()).toEqual(['2', '4'])
    log.append('a.log.1', '3')
    expect(await log.read(10_000)).toEqual(['3'])
    expect(log.positions.size).toBe(1)
    log.append('a.log', '5\n')
    expect(await log.read()).toEqual(['5'])
  })

  it('finds what was left of a file that was renamed while nobody looked', async () => {
    const log = new Follower({ path: 'a.log' })
    log.write('a.log', '1\n')
    await log.read()
    await log.restart()
    log.append('a.log', '2\n')
    renameSync(log.path('a.log'), log.path('a.log.1'))
    log.write('a.log', '3\n')
    expect((await log.read(20_000)).toSorted()).toEqual(['2', '3'])
    expect(log.positions.size).toBe(1)
  })

  it('reads a file that came and was renamed while nobody looked, and none that was there before', async () => {
    const log = new Follower({ path: 'a.log' })
    log.write('a.log.0', 'old\n')
    log.write('a.log', '1\n')
    log.useRealTime()
    expect(await log.read()).toEqual(['1'])
    await log.restart()
    log.untilTimeHasPassed()
    renameSync(log.path('a.log'), log.path('a.log.1'))
    log.write('a.log', '2\n')
    renameSync(log.path('a.log'), log.path('a.log.2'))
    log.write('a.log', '3\n')
    log.write('a-other.log', 'no\n')
    expect((await log.read()).toSorted()).toEqual(['2', '3'])
  })

  it('takes a file that is renamed within its pattern for the same', async () => {
    const log = new Follower({ path: '*' })
    log.write('a.log', '1\n')
    await log.read()
    renameSync(log.path('a.log'), log.path('z.log'))
    log.write('a.log', '2\n')
    expect(await log.read(20_000)).toEqual(['2'])
    await log.restart()
    log.append('z.log', '3\n')
    expect(await log.read()).toEqual(['3'])
  })

  it('begins anew with a file that is cut short', async () => {
    const log = new Follower({ path: 'a.log' })
    log.write('a.log', 'first\nsecond\n')
    await log.read()
    truncateSync(log.path('a.log'), 0)
    log.append('a.log', 'third\n')
    expect(await log.read()).toEqual(['third'])
    expect(log.notices).toEqual([expect.stringContaining('was cut short')])
  })

  it('reads from the copy of a rotation what was not read before the original was cut short', async () => {
    const log = new Follower({ path: 'a.log*' })
    log.write('a.log', '1\n2\n')
    await log.read()
    copyFileSync(log.path('a.log'), log.path('a.log.1'))
    expect(await log.read()).toEqual([])
    log.append('a.log.1', '3\n')
    truncateSync(log.path('a.log'), 0)
    log.append('a.log', '4\n')
    expect((await log.read(20_000)).toSorted()).toEqual(['3', '4'])
  })

  it('reads files of the same content in a pattern both', async () => {
    const log = new Follower({ path: '*.log' })
    log.write('a.log', 'started\n')
    log.write('b.log', 'started\n')
    expect(await log.read()).toEqual(['started', 'started'])
  })

  it('forgets a file that was removed, once all of it was read', async () => {
    const log = new Follower({ path: '*.log' })
    log.write('a.log', '1\n')
    await log.read()
    log.append('a.log', '2')
    rmSync(log.path('a.log'))
    expect(await log.read(20_000)).toEqual(['2'])
    expect(log.positions.size).toBe(0)
  })

  it('leaves compressed files alone, and says so once', async () => {
    const log = new Follower({ path: 'a.log*' })
    log.write('a.log', '1\n')
    log.write('a.log.1.gz', gzipSync('0\n'))
    expect(await log.read(5_000)).toEqual(['1'])
    expect(log.notices).toEqual([expect.stringContaining('is compressed')])
  })

  it('is not held up by a file with very many records', async () => {
    const log = new Follower({ path: '*.log' })
    log.write('a.log', 'x\n'.repeat(1_000))
    log.write('b.log', 'y\n')
    const values = await log.read(500, 100)
    expect(values.indexOf('y')).toBeLessThan(201)
    expect(values).toHaveLength(1_001)
  })

  it('waits for more lines of a record, and takes it when none have come for the timeout', async () => {
    const multiline = { continue: '^\\s', timeout: '1s' }
    const log = new Follower({ path: 'a.log', multiline })
    log.write('a.log', 'error\n at x\n')
    expect(await log.read(800)).toEqual([])
    log.append('a.log', ' at y\nnext\n')
    expect(await log.read(300)).toEqual(['error\n at x\n at y'])
    expect(await log.read(5_000)).toEqual(['next'])
    await log.restart()
    log.append('a.log', 'last\n')
    expect(await log.read(5_000)).toEqual(['last'])
  })

  it('goes on with a csv file by its header', async () => {
    const log = new Follower({ path: 'a.csv', format: 'csv' })
    log.write('a.csv', 'x,y\n1,2\n')
    expect(await log.read()).toEqual(['{"x":"1","y":"2"}'])
    await log.restart()
    log.append('a.csv', '3,4\n')
    expect(await log.read()).toEqual(['{"x":"3","y":"4"}'])
  })

  it('reads each line once through any writing, rotation and restart', async () => {
    const action = fc.constantFrom('line', 'half', 'rotate', 'restart', 'read', 'read one')
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 30 }), async (actions) => {
        const log = new Follower({ path: 'a.log', rotate_wait: '1s' })
        const read: string[] = []
        let written = 0
        let rotations = 0
        let isOpen = false
        log.write('a.log', '')
        // What nobody has seen cannot be known again by its first bytes.
        read.push(...(await log.read()))
        for (const each of actions) {
          if (each === 'line' || each === 'half') {
            log.append('a.log', `${isOpen ? '' : `l${written++}`}${each === 'line' ? '\n' : ''}`)
            isOpen = each === 'half'
          } else if (each === 'rotate' && !isOpen) {
            renameSync(log.path('a.log'), log.path(`a.log.${rotations++}`))
            log.write('a.log', '')
            // A second rotation in the same moment would leave a file that was never seen.
            read.push(...(await log.read(200, 1_000)))
          } else if (each === 'restart') await log.restart()
          else if (each === 'read') read.push(...(await log.read(3_000)))
          else read.push(...(await log.read(200, 1)))
        }
        if (isOpen) log.append('a.log', '\n')
        read.push(...(await log.read(5_000)))
        expect(read.toSorted()).toEqual(
          Array.from({ length: written }, (_, n) => `l${n}`).toSorted(),
        )
        await log.restart()
      }),
      { numRuns: 60 },
    )
  })
})
