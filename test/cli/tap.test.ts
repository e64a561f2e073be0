import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runProgram } from '../../src/cli/program.ts'
import { aCliEnvironment } from './cli-environment.ts'
import { writeLog, type Written } from './stored-log.ts'
import { aFolder } from './temporary-folder.ts'

async function tap(records: readonly Written[], ...args: readonly string[]) {
  const cwd = aFolder()
  await writeLog(join(cwd, '.millrace'), { topic: records })
  const environment = aCliEnvironment({ cwd })
  const code = await runProgram(['tap', 'topic', ...args], environment)
  return { code, stdout: environment.stdout.text, stderr: environment.stderr.text }
}

function numbers(count: number): Written[] {
  return Array.from({ length: count }, (_, n) => ({
    value: String(n),
    partition: n % 3,
    timestampMs: n,
  }))
}

function values(stdout: string): unknown[] {
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => (JSON.parse(line) as { value: unknown }).value)
}

describe('millrace tap', () => {
  it('shows the last ten records of all partitions, oldest first', async () => {
    const { stdout, code } = await tap(numbers(25), '--json')
    expect(code).toBe(0)
    expect(values(stdout)).toEqual([15, 16, 17, 18, 19, 20, 21, 22, 23, 24])
  })

  it('shows time, partition and offset, key and value', async () => {
    const { stdout } = await tap([
      { key: 'k', value: '{"a":1}', partition: 2, timestampMs: Date.UTC(2026, 0, 1) },
    ])
    expect(stdout).toBe('2026-01-01T00:00:00.000Z  2/0  k  {"a":1}\n')
  })

  it('reads from the beginning or an offset on, up to a limit', async () => {
    const one = numbers(6).map((record) => ({ ...record, partition: 1 }))
    expect(values((await tap(one, '--json', '--from', 'earliest', '--limit', '2')).stdout)).toEqual(
      [0, 1],
    )
    expect(values((await tap(one, '--json', '--from', '4', '--partition', '1')).stdout)).toEqual([
      4, 5,
    ])
    expect(
      values((await tap(one, '--json', '--from', 'earliest', '--partition', '0')).stdout),
    ).toEqual([])
    expect(values((await tap(one, '--json', '--limit', '3')).stdout)).toEqual([3, 4, 5])
  })

  it('hides markers unless they are asked for, however many lie between the records', async () => {
    const marker = { value: '{"watermark":1}', marker: true }
    const records = [{ value: '"first"' }, ...Array.from({ length: 60 }, () => marker)]
    expect(values((await tap(records, '--json')).stdout)).toEqual(['first'])
    expect((await tap(records, '--internal')).stdout.match(/\(marker\)/g)).toHaveLength(10)
  })

  it('gives every byte as JSON, whatever the bytes are', async () => {
    const bytes = Uint8Array.from([0xff, 0x00, 0x80])
    const { stdout } = await tap(
      [
        { key: bytes, value: bytes, headers: { h: 'v', empty: '', none: null } },
        { value: '{"n": 9007199254740993.10}' },
        { value: 'no JSON' },
        { value: '{\n}' },
        { value: null },
      ],
      '--json',
    )
    const lines = stdout.split('\n')
    expect(JSON.parse(lines[0]!)).toMatchObject({
      key_base64: '/wCA',
      value_base64: '/wCA',
      headers: [
        { name: 'h', value: 'v' },
        { name: 'empty', value: '' },
        { name: 'none', value: null },
      ],
    })
    expect(lines[1]).toMatch(/"value":\{"n": 9007199254740993\.10\}\}$/)
    expect(JSON.parse(lines[2]!)).toMatchObject({ key: null, value_text: 'no JSON' })
    expect(JSON.parse(lines[3]!)).toMatchObject({ value_text: '{\n}' })
    expect(JSON.parse(lines[4]!)).toMatchObject({ value: null, tombstone: true })
  })

  it('does not let records redraw the terminal', async () => {
    const { stdout } = await tap([{ key: '\u001b[2J', value: 'a\nb\u0007' }])
    expect(stdout).toMatch(/ {2}\\u001b\[2J {2}a\\nb\\u0007\n$/)
    const binary = await tap([{ value: Uint8Array.from([0xff, 1]) }])
    expect(binary.stdout).toContain('(2 bytes, no text: ff01)')
  })

  it('waits for new records with --follow, until it is interrupted', async () => {
    const cwd = aFolder()
    await writeLog(join(cwd, '.millrace'), { topic: [{ value: '1' }] })
    const environment = aCliEnvironment({ cwd })
    const tapping = runProgram(['tap', 'topic', '--follow', '--json'], environment)
    await writeLog(join(cwd, '.millrace'), { topic: [{ value: '2' }] })
    while (!environment.stdout.text.includes('"value":2')) {
      await environment.clock.sleep(10)
    }
    environment.interrupt('SIGINT')
    expect(await tapping).toBe(130)
    expect(values(environment.stdout.text)).toEqual([1, 2])
  })

  it('names the partitions that there are', async () => {
    await expect(tap([], '--partition', '3')).rejects.toMatchObject({
      code: 'CONFIG_USAGE',
      message: expect.stringContaining('from 0 to 2') as string,
    })
  })
})

describe('millrace tap of chosen records', () => {
  const mixed: Written[] = [
    { key: 'a', value: '{"n":1}', timestampMs: 1 },
    { key: 'b', value: '{"n":20}', timestampMs: 2 },
    { key: 'a', value: '{"n":30}', timestampMs: Date.UTC(2026, 0, 2) },
    { key: 'c', value: 'no JSON', timestampMs: 4 },
    { key: 'd', value: '{"n":"x"}', timestampMs: 5 },
  ]

  it('shows those for which the expression is true, and says how many it left out', async () => {
    const { stdout, stderr } = await tap(mixed, '--json', '--where', 'value.n > 10')
    expect(values(stdout)).toEqual([{ n: 20 }, { n: 30 }])
    expect(stderr).toBe('3 records were skipped.\n')
  })

  it('shows the last ones that are chosen, however far back they lie', async () => {
    const { stdout, stderr } = await tap(
      numbers(300),
      '--json',
      '--limit',
      '2',
      '--where',
      'value < 4',
    )
    expect(values(stdout)).toEqual([2, 3])
    expect(stderr).toMatch(/^296 records were skipped\.\n$/)
  })

  it('chooses by key and time, and by all of them together', async () => {
    expect(values((await tap(mixed, '--json', '--key', 'a')).stdout)).toHaveLength(2)
    expect(values((await tap(mixed, '--json', '--since', '2026-01-01')).stdout)).toEqual([
      { n: 30 },
    ])
    const all = ['--key', 'a', '--where', 'value.n == 1', '--from', 'earliest']
    expect(values((await tap(mixed, '--json', ...all)).stdout)).toEqual([{ n: 1 }])
  })

  it('counts records on which the expression cannot be evaluated', async () => {
    const { stdout, stderr } = await tap(mixed, '--json', '--where', 'value.n * 2 > 10')
    expect(values(stdout)).toEqual([{ n: 20 }, { n: 30 }])
    expect(stderr).toBe('3 records were skipped; on 2 of them --where cannot be evaluated.\n')
  })

  it('refuses what is no expression', async () => {
    await expect(tap(mixed, '--where', 'value.n >')).rejects.toThrow(/^--where: /)
  })

  it('sees a record of its own topic, partition and offset, also while it follows', async () => {
    const cwd = aFolder()
    await writeLog(join(cwd, '.millrace'), { topic: mixed })
    const environment = aCliEnvironment({ cwd })
    const where = "topic == 'topic' && partition == 0 && offset >= 2 && headers != null"
    const tapping = runProgram(
      [
        'tap',
        'topic',
        '--json',
        '--from',
        'earliest',
        '--limit',
        '1',
        '--follow',
        '--where',
        where,
      ],
      environment,
    )
    expect(await tapping).toBe(0)
    expect(values(environment.stdout.text)).toEqual([{ n: 30 }])
  })
})
