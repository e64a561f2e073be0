import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder } from '../kafka/broker/cache-folder.ts'
import { isCi } from '../kafka/broker/install-package.ts'
import { lastLines, runCommand } from '../kafka/broker/run-command.ts'

/**
 * A Python that has a package from PyPI, in a virtual environment that is made once for this user; null,
 * loudly, where there is no Python or no PyPI.
 * @throws Error instead in CI.
 */
export async function pythonWith(name: string, version: string): Promise<string | null> {
  const folder = join(cacheFolder(), `python-${name}-${version}`)
  const python = join(folder, 'bin', 'python')
  if (existsSync(python)) return python
  mkdirSync(cacheFolder(), { recursive: true })
  const work = mkdtempSync(join(cacheFolder(), 'python-'))
  try {
    await run('python3', ['-m', 'venv', work])
    // Packages find their place from where their Python is, so that the folder can be moved.
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check']
    await run(join(work, 'bin', 'python'), [...pip, `${name}==${version}`])
    if (!existsSync(folder)) renameSync(work, folder)
    return python
  } catch (error) {
    if (isCi()) throw error
    process.stderr.write(`\n*** TESTS WITH PYTHON ARE SKIPPED: ${String(error)}\n\n`)
    return null
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

async function run(program: string, args: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await runCommand(program, args)
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: ${lastLines(stdout + stderr)}`)
}
