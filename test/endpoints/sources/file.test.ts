import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Source } from '../../../src/core/endpoints.ts'
import type { JsonValue } from '../../../src/core/json.ts'
import { csvOptionsOf } from '../../../src/endpoints/formats/csv-config.ts'
import { fileSource, FileSource } from '../../../src/endpoints/sources/file.ts'
import {
  aFolder,
  anEnvironment,
  aRequest,
  bindPaths,
  errorOf,
  readSlices,
} from '../endpoint-fixture.ts'

const folder = aFolder()
const noPositions: ReadonlyMap<string, JsonValue> = new Map()

function aSource(setting: unknown, positions = noPositions, environment = anEnvironment()): Source {
  const config = bindPaths(fileSource.config.parse(setting), folder.path)
  return fileSource.create(config, environment, positions)
}

async function readAll(setting: unknown, positions = noPositions) {
  const source = aSource(setting, positions)
  try {
    return await readSlices(source)
  } finally {
    await source.close()
  }
}

const pathOf = (name: string): string => join(folder.path, name)

describe('the file source, formats', () => {
  it('takes a bare path, and the format by its extension', async () => {
    folder.write('f1.ndjson', '{"a":1}\r\n\n  \n{"a":2}')
    folder.write('f1.json', '[{"a":1}, {"a":2}]')
    folder.write('f1.csv', 'a\n1\n2\n')
    folder.write('f1.tsv', 'a\tb\n1\t,\n')
    folder.write('f1.log', 'x\n\n y \n')
    folder.write('f1.json.gz', gzipSync('[7]'))
    expect((await readAll('./f1.ndjson')).values).toEqual(['{"a":1}', '{"a":2}'])
    expect((await readAll('f1.json')).values).toEqual(['{"a":1}', '{"a":2}'])
    expect((await readAll('f1.csv')).values).toEqual(['{"a":"1"}', '{"a":"2"}'])
    expect((await readAll('f1.tsv')).values).toEqual(['{"a":"1","b":","}'])
    expect((await readAll('f1.log')).values).toEqual(['x', '', ' y '])
    expect((await readAll('f1.json.gz')).values).toEqual(['7'])
    expect((await readAll({ path: 'f1.csv', format: 'bytes' })).values).toEqual(['a\n1\n2\n'])
  })

  it('takes csv without a header by the columns listed', async () => {
    folder.write('f2.csv', '1;2\n3;4\n')
    const setting = { path: 'f2.csv', header: false, columns: ['x', 'y'], delimiter: ';' }
    expect((await readAll(setting)).values).toEqual(['{"x":"1","y":"2"}', '{"x":"3","y":"4"}'])
  })

  it('gives the original bytes of a line, whatever they are', async () => {
    const bytes = Buffer.from([0xff, 0x00, 0xfe, 0x7b])
    folder.write('f3.ndjson', Buffer.concat([bytes, Buffer.from('\n')]))
    const slice = await aSource('f3.ndjson').read(aRequest())
    expect(Buffer.from(slice?.batch.value(0) ?? [])).toEqual(bytes)
  })

  it('stamps records with the time at which their bytes arrived, and nothing else', async () => {
    folder.write('f4.ndjson', '1\n2\n')
    const environment = anEnvironment()
    const slice = await aSource('f4.ndjson', noPositions, environment).read(aRequest())
    const { batch } = slice!
    expect([batch.timestampMs[1], batch.ingestUs[1]]).toEqual([
      environment.clock.wallMs(),
      environment.clock.monotonicUs(),
    ])
    expect([batch.eventTimeMs[1], batch.waitUs[1], batch.runUs[1], batch.key(1)]).toEqual([
      Number.NaN,
      0,
      0,
      null,
    ])
    expect(slice!.info(1)).toEqual({ path: pathOf('f4.ndjson'), line: 2 })
  })

  it('gives nothing for an empty file and one of line ends only', async () => {
    folder.write('f5.ndjson', '')
    folder.write('f6.ndjson', '\n\r\n\n')
    folder.write('f7.csv', 'a,b\n')
    for (const path of ['f5.ndjson', 'f6.ndjson', 'f7.csv']) {
      expect(await readAll(path)).toMatchObject({ values: [], failures: [] })
    }
  })

  it('takes a line of 10 MB, and dead-letters the first KiB of one beyond max_record', async () => {
    folder.write('f8.ndjson', `"${'x'.repeat(10_000_000)}"\n1\n`)
    const whole = await readAll('f8.ndjson')
    expect(whole.values.map(({ length }) => length)).toEqual([10_000_002, 1])
    const limited = await readAll({ path: 'f8.ndjson', max_record: '1MiB' })
    expect(limited.values).toEqual(['1'])
    expect(limited.lines).toEqual([2])
    expect(limited.failures[0]).toMatchObject({ code: 'RECORD_TOO_LARGE' })
    expect(limited.failures[0]?.value).toHaveLength(1_024)
    expect(limited.failures[0]?.message).toContain(`${pathOf('f8.ndjson')}, line 1, byte offset 0`)
  })
})

describe('the file source, slices', () => {
  it('keeps to the records and bytes asked for, but gives one record of any size', async () => {
    folder.write('s1.ndjson', ['aaaa', 'bbbb', 'cccccccccccc', 'd', 'e', 'f'].join('\n'))
    const source = aSource('s1.ndjson')
    const sizes: number[] = []
    for (;;) {
      const slice = await source.read(aRequest({ maxRecords: 2, maxBytes: 8 }))
      if (slice === null) break
      sizes.push(slice.batch.count)
    }
    expect(sizes).toEqual([2, 1, 2, 1])
  })

  it('collects small files into one slice, and knows which record came from which', async () => {
    for (const name of ['c', 'a', 'b'])
      folder.write(`many-${name}.ndjson`, `"${name}1"\n"${name}2"\n`)
    const slice = await aSource('./many-*.ndjson').read(aRequest())
    expect([0, 1, 2, 5].map((index) => slice!.info(index))).toEqual([
      { path: pathOf('many-a.ndjson'), line: 1 },
      { path: pathOf('many-a.ndjson'), line: 2 },
      { path: pathOf('many-b.ndjson'), line: 1 },
      { path: pathOf('many-c.ndjson'), line: 2 },
    ])
    expect(slice!.positions.size).toBe(3)
  })

  it('keeps positions under names that do not show the paths', async () => {
    folder.write('secret-name.ndjson', '1\n')
    const slice = await aSource('./secret-name.ndjson').read(aRequest())
    expect(JSON.stringify([...slice!.positions])).not.toContain('secret-name')
  })

  it('reads nothing once the signal has aborted', async () => {
    folder.write('s2.ndjson', '1\n')
    expect(await aSource('s2.ndjson').read(aRequest({ signal: AbortSignal.abort() }))).toBeNull()
  })
})

describe('the file source, positions', () => {
  const row = fc.string({ unit: fc.constantFrom('a', '1', ' ', '\\"', 'é'), maxLength: 6 })
  const contents = {
    ndjson: (rows: string[], end: string) => rows.map((text) => JSON.stringify(text)).join(end),
    text: (rows: string[], end: string) => rows.join(end),
    csv: (rows: string[], end: string) =>
      ['x,"y\nz"', ...rows.map((text) => `"${text.replaceAll('"', '""')}${end}",b`)].join(end),
    json_array: (rows: string[]) => JSON.stringify(rows, null, 1),
  } as const
  let files = 0

  for (const format of ['ndjson', 'text', 'csv', 'json_array'] as const) {
    it(`goes on exactly where it stopped in ${format}, plain and compressed`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(row, { maxLength: 12 }),
          fc.record({
            end: fc.constantFrom('\n', '\r\n'),
            tail: fc.constantFrom('', '\n', '\n,"broken'),
            isCompressed: fc.boolean(),
            maxRecords: fc.integer({ min: 1, max: 4 }),
            slices: fc.integer({ min: 0, max: 6 }),
            chunkBytes: fc.integer({ min: 1, max: 40 }),
          }),
          async (rows, { end, tail, isCompressed, maxRecords, slices, chunkBytes }) => {
            const text = contents[format](rows, end) + tail
            const name = `p${files++}.${format}`
            folder.write(name, isCompressed ? gzipSync(text) : text)
            const open = (positions: ReadonlyMap<string, JsonValue>): FileSource => {
              const setting = bindPaths(
                fileSource.config.parse({ path: name, format }),
                folder.path,
              )
              return new FileSource({
                paths: [setting.path].flat(),
                files: {
                  format,
                  compression: 'auto',
                  maxDecompressed: 1e6,
                  maxRecord: 1e6,
                  chunkBytes,
                  csv: csvOptionsOf({}),
                  begins: null,
                },
                environment: anEnvironment(),
                positions,
              })
            }
            const whole = await readSlices(open(noPositions))
            const source = open(noPositions)
            const first = await readSlices(source, aRequest({ maxRecords }), slices)
            await source.close()
            const rest = await readSlices(open(first.positions))
            expect([...first.values, ...rest.values]).toEqual(whole.values)
            expect([...first.lines, ...rest.lines]).toEqual(whole.lines)
            expect([...first.failures, ...rest.failures]).toEqual(whole.failures)
            const again = await readSlices(open(new Map([...first.positions, ...rest.positions])))
            expect(again).toMatchObject({ values: [], failures: [] })
          },
        ),
        { numRuns: 60 },
      )
    })
  }

  it('reads what was added to a file, and new files, in the next run', async () => {
    folder.write('g1.ndjson', '1\n2\n')
    const { positions } = await readAll('g*.ndjson')
    appendFileSync(pathOf('g1.ndjson'), '3\n')
    folder.write('g2.ndjson', '4\n')
    const grown = await readAll('g*.ndjson', positions)
    expect([grown.values, grown.lines]).toEqual([
      ['3', '4'],
      [3, 1],
    ])
  })

  it('goes on in a csv file that grew, by its header', async () => {
    folder.write('g3.csv', 'a,b\n1,2\n')
    const { positions } = await readAll('g3.csv')
    appendFileSync(pathOf('g3.csv'), '3,4\n')
    expect((await readAll('g3.csv', positions)).values).toEqual(['{"a":"3","b":"4"}'])
  })

  it('takes a last line without a newline again when it turned out to be a part only', async () => {
    folder.write('g4.ndjson', '{"a":1}\n{"b":')
    const { values, positions } = await readAll('g4.ndjson')
    expect(values).toEqual(['{"a":1}', '{"b":'])
    expect((await readAll('g4.ndjson', positions)).values).toEqual([])
    appendFileSync(pathOf('g4.ndjson'), '2}\n')
    expect((await readAll('g4.ndjson', positions)).values).toEqual(['{"b":2}'])
    folder.write('g4.ndjson', '{"a":1}\n{"b":\n{"c":3}\n')
    expect((await readAll('g4.ndjson', positions)).values).toEqual(['{"c":3}'])
  })

  it('goes on in a gzip file that got another member', async () => {
    folder.write('g5.ndjson.gz', gzipSync('1\n2\n'))
    const { positions } = await readAll('g5.ndjson.gz')
    appendFileSync(pathOf('g5.ndjson.gz'), gzipSync('3\n'))
    expect((await readAll('g5.ndjson.gz', positions)).values).toEqual(['3'])
  })

  it('reads a file from its beginning when it is shorter or another one, and says so', async () => {
    for (const content of ['5\n', '9\n2\n3\n4\n']) {
      folder.write('h1.ndjson', '1\n2\n3\n')
      const { positions } = await readAll('h1.ndjson')
      folder.write('h1.ndjson', content)
      const environment = anEnvironment()
      const { values } = await readSlices(aSource('h1.ndjson', positions, environment))
      expect(values).toEqual(content.trim().split('\n'))
      expect(environment.notices).toEqual([
        `${pathOf('h1.ndjson')} is not the file it was; it is read from its beginning`,
      ])
    }
  })

  it('refuses a stored position that it did not write', async () => {
    folder.write('h2.ndjson', '1\n')
    const [[split = ''] = []] = (await aSource('h2.ndjson').read(aRequest()))!.positions
    const error = await errorOf(readAll('h2.ndjson', new Map([[split, { offset: 'x' }]])))
    expect([error.code, error.message]).toEqual(['LOG_VERSION', expect.stringContaining('--fresh')])
  })
})

describe('the file source, compression', () => {
  const lines = Array.from({ length: 50_000 }, (_, index) => `{"i":${index}}`)

  it('reads every complete record of a truncated gzip file, then fails; with the whole file it goes on', async () => {
    const bytes = gzipSync(lines.join('\n'))
    folder.write('z1.ndjson.gz', bytes.subarray(0, bytes.length / 2))
    const source = aSource('z1.ndjson.gz')
    const first = await readSlices(source, aRequest({ maxRecords: 1e9 }), 1)
    expect(first.values.length).toBeGreaterThan(20_000)
    const error = await errorOf(source.read(aRequest()))
    expect([error.code, error.message]).toEqual([
      'FILE_FAILED',
      expect.stringContaining('truncated; put the complete file'),
    ])
    folder.write('z1.ndjson.gz', bytes)
    const rest = await readAll('z1.ndjson.gz', first.positions)
    expect([...first.values, ...rest.values]).toEqual(lines)
  })

  it('stops at max_decompressed, with everything before it read', async () => {
    folder.write('z2.ndjson.gz', gzipSync(`1\n2\n${'\n'.repeat(5_000_000)}3\n`))
    const source = aSource({ path: 'z2.ndjson.gz', max_decompressed: '1MB' })
    expect((await readSlices(source, aRequest(), 1)).values).toEqual(['1', '2'])
    const error = await errorOf(source.read(aRequest()))
    expect([error.code, error.message]).toEqual([
      'FILE_FAILED',
      expect.stringContaining('raise max_decompressed'),
    ])
  })

  it('does not stop at a file of exactly max_decompressed', async () => {
    folder.write('z3.ndjson.gz', gzipSync('1\n2\n'))
    expect((await readAll({ path: 'z3.ndjson.gz', max_decompressed: '4B' })).values).toEqual([
      '1',
      '2',
    ])
  })

  it('decompresses in bounded memory, however small the file', async () => {
    folder.write('z4.ndjson.gz', gzipSync(Buffer.alloc(200_000_000, 'x')))
    const before = process.memoryUsage().rss
    const { failures } = await readAll({ path: 'z4.ndjson.gz', max_record: '1MiB' })
    expect(failures[0]?.message).toContain('it has 200000000 bytes')
    expect(process.memoryUsage().rss - before).toBeLessThan(150_000_000)
  })

  it('refuses what is no gzip file where gzip is asked for, and takes it as it is otherwise', async () => {
    folder.write('z5.ndjson.gz', '1\n')
    expect((await readAll('z5.ndjson.gz')).values).toEqual(['1'])
    const error = await errorOf(readAll({ path: 'z5.ndjson.gz', compression: 'gzip' }))
    expect([error.code, error.message]).toEqual(['FILE_FAILED', expect.stringContaining('damaged')])
  })
})

describe('the file source, errors', () => {
  it.each([
    ['missing.ndjson', 'it does not exist; check the path'],
    ['none-*.ndjson', 'no file matches none-*.ndjson'],
    ['folder', 'is a folder; name the files in it'],
    ['pipe', 'is a named pipe, no regular file'],
    ['loop', 'symbolic links lead round in a circle'],
    ['dup.csv', 'two columns are named "a"'],
    ['/dev/zero', 'is a device, no regular file'],
    ['dup.csv/x', 'a part of the path is no folder'],
  ])('refuses %s', async (path, message) => {
    folder.write('dup.csv', 'a,a\n')
    mkdirSync(pathOf('folder'), { recursive: true })
    if (path === 'pipe') execFileSync('mkfifo', [pathOf('pipe')])
    if (path === 'loop') symlinkSync('loop', pathOf('loop'))
    const error = await errorOf(readAll(path))
    expect([error.code, error.message]).toEqual(['CONFIG_FILE', expect.stringContaining(message)])
  })

  it('does not take a folder that a pattern matches for a file', async () => {
    mkdirSync(pathOf('dir-x.ndjson'), { recursive: true })
    folder.write('dir-y.ndjson', '1\n')
    expect((await readAll('dir-*.ndjson')).values).toEqual(['1'])
  })

  it('takes characters of patterns in the names of folders and existing files as they are', async () => {
    mkdirSync(pathOf('a[1]'), { recursive: true })
    folder.write('a[1]/b{2}.ndjson', '1\n')
    expect((await readAll('a[1]/b{2}.ndjson')).values).toEqual(['1'])
    const config = bindPaths(fileSource.config.parse('*.ndjson'), pathOf('a[1]'))
    expect(
      (await readSlices(fileSource.create(config, anEnvironment(), noPositions))).values,
    ).toEqual(['1'])
  })

  it('refuses a file without permission', async (context) => {
    if (process.getuid?.() === 0) context.skip('root may read every file')
    writeFileSync(folder.write('secret.ndjson', ''), '', { mode: 0o000 })
    expect((await errorOf(readAll('secret.ndjson'))).code).toBe('CONFIG_FILE')
  })

  it('fails loudly when a file becomes shorter while it is read', async () => {
    folder.write('shrinking.ndjson', '1\n'.repeat(2_000_000))
    const source = aSource('shrinking.ndjson')
    await source.read(aRequest({ maxRecords: 10 }))
    truncateSync(pathOf('shrinking.ndjson'), 100)
    const error = await errorOf(readSlices(source, aRequest({ maxRecords: 1e9 })))
    expect([error.code, error.message]).toEqual([
      'FILE_FAILED',
      expect.stringContaining('became shorter'),
    ])
    await source.close()
  })

  it.each([
    [{ path: 'x.json', format: 'json_array', follow: true }, 'when it is complete'],
    [{ path: 'x', start: 'end' }, 'a setting of follow: true'],
    [{ path: 'x', follow: true, compression: 'gzip' }, 'cannot be followed'],
    [{ path: 'x', multiline: { start: '^a' } }, 'have format: text'],
    [{ path: 'x', format: 'text', multiline: {} }, 'name one of start and continue'],
    [{ path: 'x', format: 'ndjson', header: false }, 'header is a setting of format: csv'],
    [{ path: 'x', columns: ['a'] }, 'set header: false'],
    [{ path: 'x', header: false }, 'list the names in columns'],
    [{ path: 'x', header: false, columns: ['a', 'a'] }, 'two columns have the same name'],
    [{ path: 'x', delimiter: 'ab' }, 'one ASCII character'],
    [{ path: 'x', delimiter: '"' }, 'the same character'],
    [{ path: 'x', max_record: '0B' }, 'max_record lies between'],
    [{ path: [] }, '>=1'],
    [{ path: 'x', formta: 'csv' }, 'formta'],
  ])('refuses the setting %j', (setting, message) => {
    const parsed = fileSource.config.safeParse(setting)
    expect(JSON.stringify(parsed.error?.issues)).toContain(message)
  })
})
