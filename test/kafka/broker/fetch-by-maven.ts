import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder } from './cache-folder.ts'
import { installPackage } from './install-package.ts'
import { lastLines, runCommand } from './run-command.ts'
import { NoBrokerError } from './test-broker.ts'

interface Fetching {
  /** What it is, for people. */
  readonly name: string
  /** Where it is kept from then on. */
  readonly folder: string
  readonly goal: 'dependency:copy' | 'dependency:copy-dependencies'
  readonly args?: readonly string[]
  /** null: the goal needs none. */
  readonly pom: string | null
  readonly timeoutMs?: number
}

/**
 * Has Maven fill a folder, with Debian's package where it is missing and may be installed.
 * @throws NoBrokerError where it cannot.
 */
export async function fetchByMaven(fetching: Fetching): Promise<void> {
  const { name, folder, goal, args = [], pom, timeoutMs } = fetching
  if ((await runCommand('mvn', ['-version'])).code !== 0) await installPackage('Maven', 'maven')
  mkdirSync(cacheFolder(), { recursive: true })
  const work = mkdtempSync(join(cacheFolder(), 'fetching-'))
  const jars = join(work, 'jars')
  try {
    if (pom !== null) writeFileSync(join(work, 'pom.xml'), pom)
    const { code, stdout, stderr } = await runCommand(
      'mvn',
      ['--quiet', '--batch-mode', goal, ...args, `-DoutputDirectory=${jars}`],
      { cwd: work, ...(timeoutMs === undefined ? {} : { timeoutMs }) },
    )
    if (code !== 0) {
      const reason = lastLines(stdout + stderr)
      throw new NoBrokerError(`Maven could not fetch ${name} from Maven Central: ${reason}`)
    }
    // In one step, since others may fetch it at the same time: the first one wins.
    if (!existsSync(folder)) renameSync(jars, folder)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
