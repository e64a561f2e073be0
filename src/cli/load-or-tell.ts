import type { CliEnvironment } from './cli-environment.ts'
import { isError, loadTopologies, type PipelineFile } from './load-topologies.ts'
import { printDiagnostics } from './print-diagnostics.ts'

/**
 * The pipelines of all paths; null where one has errors, which were printed.
 * @param log `--log`, as for `loadTopologies`.
 */
export function loadOrTell(
  paths: readonly string[],
  log: string | undefined,
  environment: CliEnvironment,
): readonly PipelineFile[] | null {
  const { files, diagnostics } = loadTopologies(paths, environment, { log })
  const errors = diagnostics.filter(isError)
  printDiagnostics(environment, errors)
  return errors.length > 0 ? null : files
}
