import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonValue } from '../../../src/core/json.ts'
import type { FileTableSettings } from '../../../src/core/table.ts'
import { checkFileTable, FileTable } from '../../../src/endpoints/tables/file-table.ts'
import { tableOpener } from '../../../src/endpoints/tables/open-tables.ts'
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts'
import { tableSettings } from '../../../src/spec/table-schema.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-table-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

let written = 0

function settingsOf(text: string, setting: object, ending = 'csv'): FileTableSettings {
  const file = join(folder, `table-${(written += 1)}.${ending}`)
  writeFileSync(file, text)
  const settings = tableSettings().parse({ file, ...setting }) as FileTableSettings
  settings.file.bind(file)
  return settings
}

async function rowsFor(settings: FileTableSettings, keys: readonly JsonValue[]) {
  const opened = await FileTable.open('t', settings, { clock: new VirtualClock(), log: () => {} })
  const rows = keys.map((key) => opened.find(key))
  await opened.close()
  return rows
}

const names = async (settings: FileTableSettings, keys: readonly JsonValue[]) =>
  (await rowsFor(settings, keys)).map((row) => row?.['name'])

describe('a table of a file', () => {
  it.each([
    ['csv', 'id,name\n7,"a, b"\n'],
    ['tsv', 'id\tname\n7\ta, b\n'],
    ['json', '[{"id":"7","name":"a, b"}]'],
    ['ndjson', '{"id":"7","name":"a, b"}\n\n'],
  ])('is read from %s, and finds numbers as texts', async (ending, text) => {
    const settings = settingsOf(text, { key: 'id' }, ending)
    const row = { id: '7', name: 'a, b' }
    expect(await rowsFor(settings, [7, '7', 8, null])).toEqual([row, row, undefined, undefined])
  })

  it('converts columns, before rows are found by them', async () => {
    const cast = { id: 'integer', since: 'timestamp' }
    const settings = settingsOf('id,since\n007,2026-01-01\n', { key: 'id', cast })
    const [row] = await rowsFor(settings, [7])
    expect(row).toEqual({ id: 7, since: new Date('2026-01-01T00:00:00Z') })
  })

  it('holds names of other objects as any others', async () => {
    const settings = settingsOf(
      '[{"id":"__proto__","name":"x","__proto__":{"p":1}}]',
      { key: 'id' },
      'json',
    )
    expect(await names(settings, ['__proto__', 'constructor'])).toEqual(['x', undefined])
    expect(({} as { p?: unknown }).p).toBeUndefined()
  })

  it('finds the range that begins last, of addresses old and new', async () => {
    const text =
      'net,name\n10.0.0.0/8,all\n10.1.0.0/16,part\n10.1.2.3,one\n2001:db8::/32,six\n::ffff:192.0.2.0/120,mapped\n'
    const keys = [
      '10.0.0.0',
      '10.1.0.0',
      '10.1.2.3',
      '10.1.2.4',
      '10.2.0.0',
      '10.255.255.255',
      '11.0.0.0',
    ]
    const settings = settingsOf(text, { range: 'net' })
    expect(await names(settings, keys)).toEqual([
      'all',
      'part',
      'one',
      'part',
      'all',
      'all',
      undefined,
    ])
    const others = [
      '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff',
      '2001:db9::',
      '::ffff:10.1.2.3',
      '192.0.2.9',
      '010.1.2.3',
      'x',
      7,
    ]
    expect(await names(settings, others)).toEqual([
      'six',
      undefined,
      'one',
      'mapped',
      undefined,
      undefined,
      undefined,
    ])
  })

  it('finds ranges of addresses with two ends', async () => {
    const settings = settingsOf('from,to,name\n1.0.0.5,1.0.0.9,a\n1.0.0.10,1.0.0.10,b\n', {
      range: ['from', 'to'],
    })
    expect(
      await names(settings, ['1.0.0.4', '1.0.0.5', '1.0.0.9', '1.0.0.10', '1.0.0.11']),
    ).toEqual([undefined, 'a', 'a', 'b', undefined])
  })

  it('finds ranges of numbers, fractions between them too', async () => {
    const settings = settingsOf('from,to,name\n0,9,low\n9.5,20,high\n12,13,in\n', {
      range: ['from', 'to'],
    })
    const keys = [-1, 0, 9, 9.2, 9.5, '12.5', 13.1, 20, 20.1]
    expect(await names(settings, keys)).toEqual([
      undefined,
      'low',
      'low',
      undefined,
      'high',
      'in',
      'high',
      'high',
      undefined,
    ])
  })

  it.each([
    ['no such column', 'a,b\n1,2\n', { key: 'id' }, /line 2: has no column "id"; it has a, b/],
    ['a column of `cast`', 'id\n1\n', { key: 'id', cast: { n: 'integer' } }, /has no column "n"/],
    ['a key twice', 'id\n1\n2\n1\n', { key: 'id' }, /line 4: "id" is "1", as in line 2/],
    ['an empty key', 'id,a\n,1\n', { key: 'id' }, /line 2: "id" is no key/],
    [
      'a value that is not converted',
      'id\nx\n',
      { key: 'id', cast: { id: 'integer' } },
      /line 2: id: "x" is not an integer/,
    ],
    ['a row too short', 'id,a\n1\n', { key: 'id' }, /line 2: the row has 1 fields for 2 columns/],
    [
      'a range that is none',
      'r\nx\n',
      { range: 'r' },
      /line 2: "r" is no IP address and no CIDR block/,
    ],
    ['a prefix too long', 'r\n10.0.0.0/33\n', { range: 'r' }, /line 2: "r" is no IP address/],
    [
      'a range that is turned round',
      'a,b\n9,1\n',
      { range: ['a', 'b'] },
      /line 2: the range ends before/,
    ],
    [
      'a range of two kinds',
      'a,b\n1.2.3.4,::1\n',
      { range: ['a', 'b'] },
      /an IPv4 address and the other an IPv6/,
    ],
    [
      'a range twice',
      'r\n10.0.0.0/8\n10.1.0.0/8\n',
      { range: 'r' },
      /line 3: the range is that of line 2/,
    ],
    [
      'a file that is too large',
      'id\n1\n',
      { key: 'id', max_size: '3B' },
      /more than the 3 that `max_size`/,
    ],
  ])('is refused with its place: %s', (_what, text, setting, message) => {
    expect(() => checkFileTable(settingsOf(text, setting))).toThrow(message)
  })

  it.each([
    ['json', '{"id":1}', /no list of objects/],
    ['json', '[1]', /row 1: it is no object/],
    ['ndjson', '{"id":1}\n{', /line 2: it is no JSON/],
    ['txt', 'id', /does not tell its format/],
  ])('is refused where it is no %s: %s', (ending, text, message) => {
    expect(() => checkFileTable(settingsOf(text, { key: 'id' }, ending))).toThrow(message)
  })

  it('says which file is missing', () => {
    const settings = settingsOf('', { key: 'id' })
    unlinkSync(settings.file.absolute)
    expect(() => checkFileTable(settings)).toThrow(/^reading .*table-\d+\.csv: ENOENT/)
  })
})

describe('a table of a file that changes', () => {
  it('is read again, stays as it was while the file cannot be used, and says so once', async () => {
    const clock = new VirtualClock()
    const said: string[] = []
    const settings = settingsOf('id,name\n1,a\n', { key: 'id', reload: '5s' })
    const log = (level: string, message: string) => void said.push(`${level} ${message}`)
    const opened = await FileTable.open('t', settings, { clock, log })
    const write = async (text: string, until: () => boolean) => {
      writeFileSync(settings.file.absolute, text)
      await comesTrue(clock, until)
    }
    await write('id,name\n1,changed\n', () => opened.find(1)?.['name'] === 'changed')
    await write('id,name\n1,other\nbroken,row,here\n', () => said.length === 2)
    expect(opened.find(1)).toEqual({ id: '1', name: 'changed' })
    await write('id,name\n1,mended again\n', () => opened.find(1)?.['name'] === 'mended again')
    unlinkSync(settings.file.absolute)
    await comesTrue(clock, () => said.length === 4)
    expect(opened.find(1)).toEqual({ id: '1', name: 'mended again' })
    await opened.close()
    expect(said).toEqual([
      'info the table "t" was read again',
      expect.stringMatching(/^warn the table "t" stays as it was: .*line 3: the row has 3 fields/),
      'info the table "t" was read again',
      expect.stringMatching(/^warn the table "t" stays as it was: reading .*ENOENT/),
    ])
  })
})

/** Time passes until the table has looked; reading a file takes real turns of the event loop. */
async function comesTrue(clock: VirtualClock, until: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1_000 && !until(); turn++) {
    await clock.advance(5_000)
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(until()).toBe(true)
}

describe('tables of a run', () => {
  it('are opened once for all who look up in them, and closed with the last', async () => {
    const clock = new VirtualClock()
    const settings = settingsOf('id,name\n1,a\n', { key: 'id' })
    const openTable = tableOpener()
    const { signal } = new AbortController()
    const environment = { clock, log: () => {} }
    const [first, second] = await Promise.all([
      openTable('t', settings, environment),
      openTable('t', settings, environment),
    ])
    expect(first.find('1', signal)).toBe(second.find('1', signal))
    await first.close()
    writeFileSync(settings.file.absolute, 'id,name\n1,later\n')
    await comesTrue(clock, () => (second.find('1', signal) as { name: string }).name === 'later')
    await second.close()
  })
})
