import { existsSync } from 'node:fs'
import { lastLines, runCommand } from './run-command.ts'
import { NoBrokerError } from './test-broker.ts'

const installTimeoutMs = 600_000

/** Installs a Debian package, where this machine is ours to change; throws NoBrokerError otherwise. */
export async function installPackage(what: string, packageName: string): Promise<void> {
  const aptGet = aptGetCommand()
  if (aptGet === null) {
    throw new NoBrokerError(
      `${what} is not installed; on Debian and Ubuntu: apt-get install ${packageName}`,
    )
  }
  const [program, ...first] = aptGet
  const options = { env: { DEBIAN_FRONTEND: 'noninteractive' }, timeoutMs: installTimeoutMs }
  process.stderr.write(`installing ${packageName}, which tests need\n`)
  await runCommand(program!, [...first, 'update', '-qq'], options)
  const args = [...first, 'install', '-qq', '--no-install-recommends', packageName]
  const { code, stderr } = await runCommand(program!, args, options)
  if (code !== 0) {
    throw new NoBrokerError(`${what}: apt-get install ${packageName}: ${lastLines(stderr)}`)
  }
}

/** Only as root, or in CI, where `sudo` asks nobody; null: the machine is not ours to change. */
function aptGetCommand(): readonly string[] | null {
  if (!existsSync('/etc/debian_version')) return null
  if (process.getuid?.() === 0) return ['apt-get']
  return isCi() ? ['sudo', '-n', 'apt-get'] : null
}

/** Whether this is a run of CI: a test that cannot run fails there. */
export function isCi(): boolean {
  return !['', '0', 'false'].includes(process.env['CI'] ?? '')
}
