import { chooseLog, defaultDataDir } from './choose-log.ts'
import { exitCodes, say, type CliEnvironment, type ExitCode } from './cli-environment.ts'
import { isError, loadTopologies } from './load-topologies.ts'
import { countDiagnostics, printDiagnostics } from './print-diagnostics.ts'

export async function validate(
  paths: readonly string[],
  { json = false, log }: { json?: boolean; log?: string },
  environment: CliEnvironment,
): Promise<ExitCode> {
  const { files, diagnostics } = loadTopologies(paths, environment, { log })
  const isValid = !diagnostics.some(isError)
  // How the log is reached is part of what has to be right.
  if (isValid)
    chooseLog(
      { dataDir: defaultDataDir, ...(log === undefined ? {} : { log }) },
      files,
      environment,
    )
  if (json) {
    const pipelines = files.map(({ shown, spec }) => ({
      file: shown,
      pipeline: spec.pipeline,
      stages: spec.stages.length,
    }))
    environment.stdout.write(
      `${JSON.stringify({ valid: isValid, pipelines, diagnostics }, null, 2)}\n`,
    )
    return isValid ? exitCodes.ok : exitCodes.config
  }
  printDiagnostics(environment, diagnostics)
  for (const { shown, spec } of files) {
    say(
      environment,
      `${shown}: ok, pipeline ${spec.pipeline} with ${spec.stages.length} ${spec.stages.length === 1 ? 'stage' : 'stages'}`,
    )
  }
  if (diagnostics.length > 0) say(environment, countDiagnostics(diagnostics))
  return isValid ? exitCodes.ok : exitCodes.config
}
