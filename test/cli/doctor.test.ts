import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { LogFinding } from '../../src/core/log.ts'
import { runProgram } from '../../src/cli/program.ts'
import { createSystemClock } from '../../src/clock/system-clock.ts'
import { openWritableLog } from '../../src/logs/embedded/open-embedded-log.ts'
import { aCliEnvironment } from './cli-environment.ts'
import { writeLog } from './stored-log.ts'
import { aFolder } from './temporary-folder.ts'

async function doctor(cwd: string, ...args: readonly string[]) {
  const environment = aCliEnvironment({ cwd })
  const code = await runProgram(['doctor', '--json', ...args], environment)
  const { findings } = JSON.parse(environment.stdout.text) as { findings: readonly LogFinding[] }
  return { code, byName: new Map(findings.map((finding) => [finding.name, finding])) }
}

describe('millrace doctor', () => {
  it('checks the folder of a data directory that is not there yet, and makes nothing', async () => {
    const cwd = aFolder()
    const { code, byName } = await doctor(cwd)
    expect(code).toBe(0)
    expect(byName.get('data directory')?.text).toContain('is not there yet and can be made')
    expect(byName.get('node')).toMatchObject({ status: 'ok' })
    expect(byName.get('sqlite')).toMatchObject({ status: 'ok' })
    expect(readdirSync(cwd)).toEqual([])
  })

  it('counts what the log holds', async () => {
    const cwd = aFolder()
    await writeLog(join(cwd, '.millrace'), { a: [{ value: '1' }, { value: '2' }] })
    const { code, byName } = await doctor(cwd)
    expect(code).toBe(0)
    expect(byName.get('log')?.text).toContain('2 records in 1 topics')
    expect(byName.get('lock')?.text).toBe('nobody writes to the data directory')
    expect(existsSync(join(cwd, '.millrace', 'lock.json'))).toBe(false)
  })

  it('names the process that writes to the data directory, and leaves it alone', async () => {
    const directory = join(aFolder(), 'data')
    const log = await openWritableLog({ directory, clock: createSystemClock() })
    const { code, byName } = await doctor('.', '--data-dir', directory)
    expect(code).toBe(0)
    expect(byName.get('lock')?.text).toContain('is in use by this very process')
    await log.close()
  })

  it('fails when something is wrong', async () => {
    const cwd = aFolder({ '.millrace': 'a file' })
    const { code, byName } = await doctor(cwd)
    expect(code).toBe(1)
    expect(byName.get('data directory')).toMatchObject({ status: 'wrong' })
    const damaged = await doctor(aFolder({ '.millrace/log.db': 'no database' }))
    expect(damaged.code).toBe(1)
    expect(damaged.byName.get('log')).toMatchObject({ status: 'wrong' })
  })
})
