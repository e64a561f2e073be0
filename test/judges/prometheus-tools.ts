import { installPackage, isCi } from '../kafka/broker/install-package.ts'
import { runCommand } from '../kafka/broker/run-command.ts'

/**
 * Whether `prometheus` and `promtool` can be run here. As root on Debian or Ubuntu, and in CI, they are
 * installed when they are missing; where that cannot be, CI fails, and elsewhere the tests say so and are skipped.
 */
export async function havePrometheus(): Promise<boolean> {
  if (await areThere()) return true
  try {
    await installPackage('Prometheus', 'prometheus')
    if (await areThere()) return true
    throw new Error('it is installed, but does not run')
  } catch (error) {
    const problem = `Prometheus is the judge of metrics, dashboards and rules: ${String(error)}`
    if (isCi()) throw new Error(problem, { cause: error })
    process.stderr.write(`\n*** THE TESTS WITH PROMETHEUS ARE SKIPPED: ${problem}\n\n`)
    return false
  }
}

async function areThere(): Promise<boolean> {
  for (const program of ['prometheus', 'promtool']) {
    const { code } = await runCommand(program, ['--version'])
    if (code !== 0) return false
  }
  return true
}
