import { PipelineError } from '../core/errors.ts'
import type { CliEnvironment } from './cli-environment.ts'
import type { PipelineFile } from './load-topologies.ts'

/**
 * The command line decides where topics live, then `MILLRACE_LOG`, then the pipeline files.
 * @throws PipelineError CONFIG_USAGE for all but the embedded log.
 */
export function assertEmbeddedLog(
  asked: { log?: string | undefined; workers?: number | undefined },
  files: readonly PipelineFile[],
  { env }: CliEnvironment,
): void {
  const fromEnv = env['MILLRACE_LOG'] === '' ? undefined : env['MILLRACE_LOG']
  if (asked.log !== undefined) assertEmbedded(asked.log, '--log')
  else if (fromEnv !== undefined) assertEmbedded(fromEnv, 'MILLRACE_LOG')
  else
    for (const { spec, shown } of files)
      if (spec.log !== null) assertEmbedded(spec.log, `"log:" of ${shown}`)
  if (asked.workers === undefined || asked.workers === 1) return
  throw usage(
    `--workers ${asked.workers} needs Kafka: the embedded log is one file, which one process writes; leave ` +
      'out --workers, all stages share this process then',
  )
}

function assertEmbedded(log: string, where: string): void {
  if (log === 'embedded') return
  if (/^kafka:\/\/./.test(log)) {
    throw usage(
      `${where} is ${log}: the Kafka log is not supported yet; use the embedded log (--log embedded)`,
    )
  }
  throw usage(`${where} is "${log}", which is no log; use --log embedded`)
}

function usage(message: string): PipelineError {
  return new PipelineError('CONFIG_USAGE', message)
}
