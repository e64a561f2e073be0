import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runProgram } from '../../src/cli/program.ts'
import { aCliEnvironment } from './cli-environment.ts'
import { deadLetter, writeLog, type Written } from './stored-log.ts'
import { aFolder } from './temporary-folder.ts'

async function dlq(
  topics: Readonly<Record<string, readonly Written[]>>,
  ...args: readonly string[]
) {
  const cwd = aFolder()
  await writeLog(join(cwd, '.millrace'), topics)
  const environment = aCliEnvironment({ cwd })
  const code = await runProgram(['dlq', ...args], environment)
  return { code, stdout: environment.stdout.text, stderr: environment.stderr.text }
}

const failures = {
  'orders.clean': [{ value: '1' }],
  'orders.clean.dlq': [
    deadLetter('RECORD_CAST'),
    deadLetter('RECORD_CAST', { partition: 1 }),
    deadLetter('RECORD_DECODE', { value: Uint8Array.from([0xff]) }),
  ],
  'orders.other.dlq': [],
}

describe('millrace dlq ls', () => {
  it('counts dead letters by topic and code', async () => {
    const { code, stdout } = await dlq(failures, 'ls')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^orders\.clean\.dlq +3 +\S+Z +\S+Z +RECORD_CAST 2, RECORD_DECODE 1$/m)
    expect(stdout).not.toContain('orders.other.dlq')
  })

  it('finds dead-letter topics of any name, and no other topics', async () => {
    const { stdout } = await dlq(
      { trouble: [deadLetter('RECORD_CAST')], plain: [{ value: '1' }] },
      'ls',
      '--json',
    )
    expect(JSON.parse(stdout)).toMatchObject([
      { topic: 'trouble', records: 1, codes: { RECORD_CAST: 1 } },
    ])
  })

  it('says on stderr that there are none', async () => {
    expect(await dlq({ a: [] }, 'ls')).toEqual({
      code: 0,
      stdout: '',
      stderr: 'There are no dead letters.\n',
    })
  })
})

describe('millrace dlq show', () => {
  it('shows why a record failed, where it came from, and the record as it was', async () => {
    const { stdout, code } = await dlq(failures, 'show', 'clean', '--code', 'RECORD_DECODE')
    expect(code).toBe(0)
    expect(stdout).toContain('  why      RECORD_DECODE in stage clean, step cast\n')
    expect(stdout).toContain('  message  n: "x" is no number\n')
    expect(stdout).toContain('  from     orders.raw 2/17\n')
    expect(stdout).toContain('  value    (1 bytes, no text: ff)\n')
    expect(stdout).toContain('  headers  trace=original\n')
  })

  it('shows the newest ones, and says how many there are', async () => {
    const many = Array.from({ length: 130 }, (_, n) =>
      deadLetter('RECORD_CAST', { value: String(n), partition: n % 3 }),
    )
    const { stdout, stderr } = await dlq(
      { 'a.b.dlq': many },
      'show',
      'a.b',
      '--limit',
      '2',
      '--json',
    )
    const shown = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { record: { value: number } })
    expect(shown.map(({ record }) => record.value)).toEqual([128, 129])
    expect(stderr).toContain('the newest 2 of 130')
  })

  it('gives everything as JSON', async () => {
    const { stdout } = await dlq(
      failures,
      'show',
      'orders.clean.dlq',
      '--code',
      'RECORD_DECODE',
      '--json',
    )
    expect(JSON.parse(stdout)).toMatchObject({
      stage: 'clean',
      step: 'cast',
      code: 'RECORD_DECODE',
      origin: { topic: 'orders.raw', partition: '2', offset: '17' },
      record: { topic: 'orders.clean.dlq', value_base64: '/w==' },
    })
  })

  it('believes the headers of the engine, not those that came with the record', async () => {
    const forged = deadLetter('RECORD_CAST')
    const { stdout } = await dlq(
      { 'a.b.dlq': [{ ...forged, headers: { 'millrace-dlq-code': 'FORGED', ...forged.headers } }] },
      'show',
      'b',
    )
    expect(stdout).toContain('RECORD_CAST in stage')
  })

  it('asks for more when a name fits several topics', async () => {
    const topics = { 'a.clean.dlq': [], 'b.clean.dlq': [] }
    await expect(dlq(topics, 'show', 'clean')).rejects.toMatchObject({
      code: 'CONFIG_USAGE',
      message: expect.stringContaining('a.clean.dlq, b.clean.dlq') as string,
    })
    expect((await dlq(topics, 'show', 'b.clean')).code).toBe(0)
  })
})
