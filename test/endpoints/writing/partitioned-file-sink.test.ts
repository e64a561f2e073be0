import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import type { Sink, SinkMemory, SinkReceipt } from '../../../src/core/endpoints.ts'
import { fileSink } from '../../../src/endpoints/sinks/file.ts'
import {
  aBatch,
  aFolder,
  anEnvironment,
  bindPaths,
  type TestEnvironment,
} from '../endpoint-fixture.ts'

const root = aFolder()
const { signal } = new AbortController()
let folders = 0
const opened: Files[] = []

afterEach(async () => {
  for (const files of opened.splice(0)) await files.crash()
})

/** A sink with its folder, which can crash at any time. */
class Files {
  readonly folder = join(root.path, `p${folders++}`)
  readonly environment: TestEnvironment = anEnvironment()
  readonly #setting: unknown
  #memory: SinkMemory = null
  #sink: Sink | null = null

  constructor(setting: unknown) {
    this.#setting = setting
    opened.push(this)
  }

  /** Writes values, and commits unless the process dies before. */
  async write(values: readonly unknown[], options = { commits: true }): Promise<SinkReceipt> {
    if (this.#sink === null) {
      this.#sink = fileSink.create(this.#config(), this.environment, this.#memory)
      this.#memory = await this.#sink.begin()
    }
    const receipt = await this.#sink.write(
      aBatch(values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value)))),
      signal,
    )
    if (options.commits) this.#memory = JSON.parse(JSON.stringify(receipt.memory)) as SinkMemory
    return receipt
  }

  async crash(): Promise<void> {
    await this.#sink?.close()
    this.#sink = null
  }

  async reset(): Promise<void> {
    await this.crash()
    await fileSink.reset(this.#config(), this.#memory)
    this.#memory = null
  }

  /** By path, what is in each file. */
  content(): Record<string, string> {
    const names = existsSync(this.folder)
      ? readdirSync(this.folder, { recursive: true, withFileTypes: true })
      : []
    const paths = names
      .filter((each) => each.isFile() && !each.name.startsWith('.millrace-'))
      .map((each) => join(each.parentPath, each.name))
    return Object.fromEntries(
      paths.map((path) => [path.slice(this.folder.length + 1), readFileSync(path, 'utf8')]),
    )
  }

  #config() {
    return bindPaths(fileSink.config.parse(this.#setting), this.folder)
  }
}

describe('a file sink with expressions in its path', () => {
  it('writes each record to the file that its fields name', async () => {
    const files = new Files('out/${value.country}/${value.day}.ndjson')
    await files.write([
      { country: 'NL', day: 1 },
      { country: 'DE', day: 1 },
      { country: 'NL', day: 2 },
    ])
    await files.write([{ country: 'NL', day: 1, n: 2 }])
    expect(files.content()).toEqual({
      'out/NL/1.ndjson': '{"country":"NL","day":1}\n{"country":"NL","day":1,"n":2}\n',
      'out/NL/2.ndjson': '{"country":"NL","day":2}\n',
      'out/DE/1.ndjson': '{"country":"DE","day":1}\n',
    })
  })

  it.each([
    '../../etc/passwd',
    '/etc/passwd',
    '..',
    '.',
    '',
    null,
    'a/b',
    'a\u0000b',
    'a\nb',
    'x'.repeat(300),
  ])('refuses a record that names %j, and that one alone', async (name) => {
    const files = new Files('out/${value.name}')
    const receipt = await files.write([{ name: 'good' }, { name }, { name: 'good' }])
    expect(receipt.failures.map(({ index, code }) => [index, code])).toEqual([
      [1, 'RECORD_REJECTED'],
    ])
    expect(Object.keys(files.content())).toEqual(['out/good'])
    expect(existsSync(join(root.path, 'etc'))).toBe(false)
  })

  it('refuses what would begin more files than there may be', async () => {
    const files = new Files({ path: '${value.name}.ndjson', max_files: 2 })
    const receipt = await files.write([{ name: 'a' }, { name: 'b' }, { name: 'c' }, { name: 'a' }])
    expect(receipt.failures).toMatchObject([{ index: 2, code: 'RECORD_REJECTED' }])
    expect(receipt.failures[0]!.message).toContain('raise max_files')
    await files.crash()
    const later = await files.write([{ name: 'd' }, { name: 'b' }])
    expect(later.failures).toMatchObject([{ index: 0 }])
  })

  it('counts a file that is there already, and written to again, once', async () => {
    const files = new Files({ path: '${value.name}.ndjson', max_files: 3 })
    await files.write([{ name: 'a' }, { name: 'b' }])
    const receipt = await files.write([{ name: 'a' }, { name: 'b' }, { name: 'c' }, { name: 'd' }])
    expect(receipt.failures).toMatchObject([{ index: 3, code: 'RECORD_REJECTED' }])
  })

  it('writes a header into each csv file', async () => {
    const files = new Files({ path: '${value.name}.csv', columns: ['name', 'n'] })
    await files.write([
      { name: 'a', n: 1 },
      { name: 'b', n: 2 },
    ])
    await files.write([{ name: 'a', n: 3 }])
    expect(files.content()).toEqual({ 'a.csv': 'name,n\na,1\na,3\n', 'b.csv': 'name,n\nb,2\n' })
  })

  it('goes behind what a file has already, and takes back only its own', async () => {
    const files = new Files('${value.name}')
    await files.write([{ name: 'a' }])
    writeFileSync(join(files.folder, 'b'), 'other')
    await files.write([{ name: 'b' }])
    expect(files.content()['b']).toBe('other\n{"name":"b"}\n')
    await files.reset()
    expect(files.content()).toEqual({ b: 'other' })
    expect(readdirSync(files.folder)).toEqual(['b'])
  })

  it('keeps exactly what was committed, of however many files, whenever it dies', async () => {
    const step = fc.record({
      names: fc.array(fc.constantFrom('a', 'b', 'c', 'd/..', 'e'), { minLength: 1, maxLength: 6 }),
      commits: fc.boolean(),
      dies: fc.boolean(),
    })
    const rotation = fc.constantFrom(undefined, { size: '40B' })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 15 }), rotation, async (steps, rotate) => {
        const files = new Files({ path: '${value.name}.ndjson', rotate })
        const kept: { name: string; n: number }[] = []
        let n = 0
        for (const { names, commits, dies } of steps) {
          const values = names.map((name) => ({ name, n: n++ }))
          await files.write(values, { commits })
          if (commits) kept.push(...values.filter(({ name }) => !name.includes('/')))
          if (dies || !commits) await files.crash()
        }
        await files.write([{ name: 'd/..' }])
        const lines = Object.entries(files.content())
          .toSorted(([one], [other]) => (one < other ? -1 : 1))
          .flatMap(([, text]) => text.split('\n').slice(0, -1))
        const inOrder = [...kept].toSorted((one, other) =>
          one.name < other.name ? -1 : one.name > other.name ? 1 : one.n - other.n,
        )
        expect(lines).toEqual(inOrder.map((value) => JSON.stringify(value)))
      }),
      { numRuns: 60 },
    )
  })

  it('takes a note that was cut by a crash for one that nothing followed', async () => {
    const files = new Files('${value.name}')
    await files.write([{ name: 'a' }])
    await files.crash()
    const journal = readdirSync(files.folder).find((name) => name.endsWith('.journal'))!
    truncateSync(join(files.folder, journal), 70)
    await files.write([{ name: 'a' }])
    expect(files.content()['a']).toBe('{"name":"a"}\n{"name":"a"}\n')
  })
})

describe('a file sink with rotate', () => {
  it('begins the next file when one is large enough', async () => {
    const files = new Files({ path: 'all.ndjson', rotate: { size: '4B' } })
    for (const n of [1, 2, 3, 4, 5]) await files.write([n])
    expect(files.content()).toEqual({
      'all-000001.ndjson': '1\n2\n',
      'all-000002.ndjson': '3\n4\n',
      'all-000003.ndjson': '5\n',
    })
  })

  it('begins the next file when one is old enough', async () => {
    const files = new Files({ path: 'all.ndjson', rotate: { every: '1h' } })
    await files.write([1])
    files.environment.clock.nowMs += 3_599_000
    await files.write([2])
    files.environment.clock.nowMs += 1_000
    await files.write([3])
    expect(files.content()).toEqual({
      'all-000001.ndjson': '1\n2\n',
      'all-000002.ndjson': '3\n',
    })
  })

  it('never uses a number again, whatever was done with the files before', async () => {
    const files = new Files({ path: 'all.ndjson', rotate: { size: '2B' } })
    for (const n of [1, 2, 3]) await files.write([n])
    await files.crash()
    for (const name of Object.keys(files.content())) rmSync(join(files.folder, name))
    await files.write([4])
    await files.write([5])
    expect(files.content()).toEqual({ 'all-000004.ndjson': '4\n', 'all-000005.ndjson': '5\n' })
  })
})
