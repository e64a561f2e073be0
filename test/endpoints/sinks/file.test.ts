import { execFileSync, spawnSync } from 'node:child_process'
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import type { Sink, SinkMemory, SinkReceipt } from '../../../src/core/endpoints.ts'
import { fileSink } from '../../../src/endpoints/sinks/file.ts'
import { aBatch, aFolder, anEnvironment, bindPaths, errorOf } from '../endpoint-fixture.ts'

const folder = aFolder()
const pathOf = (name: string): string => join(folder.path, name)
const textOf = (name: string): string => readFileSync(pathOf(name), 'utf8')
const { signal } = new AbortController()

function aSink(setting: unknown, memory: SinkMemory = null): Sink {
  const config = bindPaths(fileSink.config.parse(setting), folder.path)
  const sink = fileSink.create(config, anEnvironment(), memory)
  opened.push(sink)
  return sink
}

const opened: Sink[] = []
afterEach(async () => {
  for (const sink of opened.splice(0)) await sink.close()
})

const begun = new WeakSet<Sink>()

/** Begins the sink where that has not been done, and writes. */
async function write(sink: Sink, ...values: (string | null)[]): Promise<SinkReceipt> {
  if (!begun.has(sink)) await sink.begin()
  begun.add(sink)
  return await sink.write(aBatch(values), signal)
}

describe('the file sink, ndjson', () => {
  it('writes each value as it is on a line of its own, and makes the folders', async () => {
    const sink = aSink({ path: 'new/deep/a.ndjson' })
    await write(sink, '{"a": 1.0}', null, 'no json')
    const { memory } = await write(sink, '2')
    expect(textOf('new/deep/a.ndjson')).toBe('{"a": 1.0}\nnull\nno json\n2\n')
    expect(memory).toEqual({ length: 26, start: 0, header: null })
    await sink.close()
    expect(readdirSync(pathOf('new/deep'))).toEqual(['a.ndjson'])
  })

  it('takes a bare path', async () => {
    await write(aSink('./bare.ndjson'), '1')
    expect(textOf('bare.ndjson')).toBe('1\n')
  })

  it('writes a value with line breaks again as JSON on one line, and refuses one that is no JSON', async () => {
    const { failures } = await write(
      aSink({ path: 'b.ndjson' }),
      '{\n "a": 12345678901234567890\n}',
      'x\ny',
      '1',
    )
    expect(textOf('b.ndjson')).toBe('{"a":12345678901234567890}\n1\n')
    expect(failures).toEqual([
      { index: 1, code: 'RECORD_REJECTED', message: expect.stringContaining('line break') },
    ])
  })

  it('goes on behind what a killed run left uncommitted', async () => {
    const first = aSink({ path: 'c.ndjson' })
    const { memory } = await write(first, '1', '2')
    await write(first, '3')
    appendFileSync(pathOf('c.ndjson'), '{"torn')
    const second = aSink({ path: 'c.ndjson' }, memory)
    await write(second, '3')
    expect(textOf('c.ndjson')).toBe('1\n2\n3\n')
    expect(readdirSync(folder.path).filter((name) => name.includes('c.ndjson'))).toEqual([
      'c.ndjson',
    ])
  })

  it('gives the same file wherever a run is killed, also before its first commit', async () => {
    let runs = 0
    const batches = fc.array(fc.array(fc.nat().map(String), { minLength: 1, maxLength: 3 }), {
      minLength: 1,
      maxLength: 6,
    })
    await fc.assert(
      fc.asyncProperty(
        batches,
        fc.array(fc.nat({ max: 3 }), { maxLength: 6 }),
        fc.boolean(),
        async (work, kills, overwrites) => {
          const path = `run${runs++}.ndjson`
          writeFileSync(pathOf(path), 'before')
          const setting = { path, mode: overwrites ? 'overwrite' : 'append' }
          let memory: SinkMemory = null
          let done = 0
          const life = async (until: number): Promise<void> => {
            const sink = aSink(setting, memory)
            memory = await sink.begin()
            begun.add(sink)
            while (done < work.length) {
              const receipt = await write(sink, ...(work[done] ?? []))
              if (until-- === 0) return
              memory = JSON.parse(JSON.stringify(receipt.memory)) as SinkMemory
              done += 1
            }
            await sink.close()
          }
          for (const kill of kills) {
            await life(kill)
            if (done < work.length) appendFileSync(pathOf(path), '{"torn')
          }
          await life(Number.POSITIVE_INFINITY)
          const lines = work.flat().map((line) => `${line}\n`)
          expect(textOf(path)).toBe((overwrites ? '' : 'before\n') + lines.join(''))
        },
      ),
      { numRuns: 60 },
    )
  })

  it('overwrites at the first start only', async () => {
    folder.write('d.ndjson', 'old\nold\n')
    const setting = { path: 'd.ndjson', mode: 'overwrite' }
    const { memory } = await write(aSink(setting), '1')
    await write(aSink(setting, memory), '2')
    expect(textOf('d.ndjson')).toBe('1\n2\n')
  })

  it('refuses a file that is shorter than what it wrote, or gone', async () => {
    const { memory } = await write(aSink({ path: 'e.ndjson' }), '1', '2')
    truncateSync(pathOf('e.ndjson'), 2)
    const error = await errorOf(write(aSink({ path: 'e.ndjson' }, memory), '3'))
    expect([error.code, error.message]).toEqual([
      'FILE_FAILED',
      expect.stringContaining(
        'it has 2 bytes, but the pipeline wrote it up to 4; put the file back',
      ),
    ])
    rmSync(pathOf('e.ndjson'))
    expect((await errorOf(write(aSink({ path: 'e.ndjson' }, memory), '3'))).code).toBe(
      'FILE_FAILED',
    )
  })

  it('refuses stored memory that it did not write', () => {
    expect(() => aSink({ path: 'f.ndjson' }, { length: 'x' })).toThrow('run with --fresh')
  })

  it.each([
    ['folder', 'it is a folder, no regular file; name a file in it'],
    ['pipe', 'it is a named pipe'],
    ['/dev/full', 'it is a device'],
    ['plain/x', 'no folder'],
    ['to-folder', 'it is a folder'],
  ])('refuses to write %s', async (path, message) => {
    mkdirSync(pathOf('folder'), { recursive: true })
    folder.write('plain', '')
    if (path === 'pipe') execFileSync('mkfifo', [pathOf('pipe')])
    if (path === 'to-folder') symlinkSync('folder', pathOf('to-folder'))
    const error = await errorOf(write(aSink({ path }), '1'))
    expect([error.code, error.message]).toEqual(['CONFIG_FILE', expect.stringContaining(message)])
  })

  it('lists the file, for --fresh to remove', () => {
    const config = bindPaths(fileSink.config.parse({ path: 'x/y.ndjson' }), '/data')
    expect(fileSink.files(config)).toEqual(['/data/x/y.ndjson'])
    expect(fileSink.singleTask(config)).toBe(true)
  })

  it('says where a file that was there ends, before anything is written', async () => {
    folder.write('g.ndjson', 'old\n')
    expect(await aSink({ path: 'g.ndjson' }).begin()).toEqual({ length: 4, start: 4, header: null })
    expect(await aSink({ path: 'h.ndjson' }).begin()).toEqual({ length: 0, start: 0, header: null })
  })

  it('says that the disk is full, leaves the file as it was, and goes on when there is room', async (context) => {
    const tmpfs = pathOf('tmpfs')
    mkdirSync(tmpfs)
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', tmpfs])
    if (status !== 0) context.skip('a small file system can be mounted by root only')
    try {
      const sink = aSink({ path: 'tmpfs/full.ndjson' })
      await write(sink, '1')
      writeFileSync(join(tmpfs, 'other'), Buffer.alloc(30_000))
      const line = `"${'x'.repeat(50_000)}"`
      const error = await errorOf(write(sink, line))
      expect([error.code, error.message]).toEqual([
        'DISK_FULL',
        expect.stringContaining('make room'),
      ])
      expect(textOf('tmpfs/full.ndjson')).toBe('1\n')
      rmSync(join(tmpfs, 'other'))
      await write(sink, line)
      expect(textOf('tmpfs/full.ndjson')).toBe(`1\n${line}\n`)
      await sink.close()
    } finally {
      execFileSync('umount', [tmpfs])
    }
  })
})

describe('the file sink, csv', () => {
  it('takes the columns of the first record, and keeps them over restarts', async () => {
    const first = await write(aSink({ path: 'a.csv' }), '{"b":1,"a":"x"}')
    await write(aSink({ path: 'a.csv' }, first.memory), '{"a":"y","b":2}', '{"a":null}')
    expect(textOf('a.csv')).toBe('b,a\n1,x\n2,y\n,\n')
  })

  it('writes what csv-parse reads back', async () => {
    const cell = fc.string({
      unit: fc.constantFrom('a', '"', ',', '\n', '\r', ' ', ';', '=', 'é'),
      maxLength: 6,
    })
    let files = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ x: cell, y: cell }), { minLength: 1 }),
        fc.constantFrom(',', ';', '\t'),
        async (rows, delimiter) => {
          const path = `rt${files++}.csv`
          await write(aSink({ path, delimiter }), ...rows.map((row) => JSON.stringify(row)))
          expect(
            parse(readFileSync(pathOf(path)), { columns: true, delimiter, record_delimiter: '\n' }),
          ).toEqual(rows)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('writes numbers as they came, lists and maps as JSON, missing fields as nothing', async () => {
    const record = '{"n":12345678901234567890,"l":[1,"x"],"m":{"k":null},"t":true}'
    await write(aSink({ path: 'b.csv', columns: ['n', 'l', 'm', 't', 'none'] }), record)
    expect(textOf('b.csv')).toBe(
      'n,l,m,t,none\n12345678901234567890,"[1,""x""]","{""k"":null}",true,\n',
    )
  })

  it('leaves out fields that are not listed, and refuses ones that the first record did not have', async () => {
    expect(
      (await write(aSink({ path: 'c.csv', columns: ['a'] }), '{"a":1,"b":2}')).failures,
    ).toEqual([])
    const { failures } = await write(
      aSink({ path: 'd.csv' }),
      '{"a":1}',
      '{"a":1,"b":2}',
      '{"a":3}',
    )
    expect(failures).toEqual([
      {
        index: 1,
        code: 'RECORD_REJECTED',
        message: expect.stringContaining('the field "b" is no column'),
      },
    ])
    expect(textOf('d.csv')).toBe('a\n1\n3\n')
  })

  it('refuses records that are no objects', async () => {
    const { failures } = await write(aSink({ path: 'e.csv' }), '1', '[1]', null, '{"a"', '{"a":1}')
    expect(failures.map(({ index }) => index)).toEqual([0, 1, 2, 3])
    expect(textOf('e.csv')).toBe('a\n1\n')
  })

  it('writes a row of one empty cell so that readers do not skip it', async () => {
    await write(aSink({ path: 'f.csv' }), '{"a":""}')
    expect(textOf('f.csv')).toBe('a\n""\n')
  })

  it('goes on under the header that a file has, and refuses other columns', async () => {
    folder.write('g.csv', 'y,x\n1,2')
    await write(aSink({ path: 'g.csv' }), '{"x":3,"y":4}')
    expect(textOf('g.csv')).toBe('y,x\n1,2\n4,3\n')
    const error = await errorOf(
      write(aSink({ path: 'g.csv', columns: ['x', 'y'] }), '{"x":3,"y":4}'),
    )
    expect([error.code, error.message]).toEqual([
      'CONFIG_FILE',
      expect.stringContaining('its columns are y, x, but the pipeline lists x, y'),
    ])
  })

  it.each([
    [{ path: 'x-${partition}.ndjson' }, 'one task writes the records of all partitions'],
    [{ path: 'x-${key}.csv' }, 'csv needs columns'],
    [{ path: 'x-${key}', mode: 'overwrite' }, 'files are appended to'],
    [{ path: 'x', rotate: {} }, 'name size, every or both'],
    [{ path: 'x', format: 'ndjson', columns: ['a'] }, 'a setting of format: csv'],
    [{ path: 'x.csv', delimiter: '"' }, 'a delimiter is one character'],
  ])('refuses the setting %j', (setting, message) => {
    expect(JSON.stringify(fileSink.config.safeParse(setting).error?.issues)).toContain(message)
  })
})
