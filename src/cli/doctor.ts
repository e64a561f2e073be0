import { exitCodes, type CliEnvironment, type ExitCode } from './cli-environment.ts'
import { checkCluster } from './check-cluster.ts'
import { checkDataDirectory } from './check-data-directory.ts'
import { checkMachine } from './check-machine.ts'
import { chooseLog, type LogOptions } from './choose-log.ts'

export async function doctor(
  options: LogOptions & { readonly json?: boolean },
  environment: CliEnvironment,
): Promise<ExitCode> {
  const { dataDir, json = false } = options
  const choice = chooseLog(options, [], environment)
  const findings = environment.mask.json([
    ...checkMachine(),
    ...(await checkDataDirectory(dataDir, environment)),
    ...(choice.kind === 'kafka' ? await checkCluster(choice, environment) : []),
  ])
  const isWrong = findings.some(({ status }) => status === 'wrong')
  const { stdout } = environment
  if (json) stdout.write(`${JSON.stringify({ ok: !isWrong, findings }, null, 2)}\n`)
  else {
    for (const { name, status, text } of findings)
      stdout.write(`${status.padEnd(7)}  ${name.padEnd(14)}  ${text}\n`)
  }
  return isWrong ? exitCodes.failed : exitCodes.ok
}
