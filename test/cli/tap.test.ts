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
