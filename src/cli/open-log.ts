import { resolve } from 'node:path'
import type { Log } from '../core/log.ts'
import { openEmbeddedLog } from '../logs/embedded/open-embedded-log.ts'
import type { CliEnvironment } from './cli-environment.ts'

/** @throws PipelineError as `openEmbeddedLog` */
export function openLogForWriting(
  dataDir: string,
  { clock, cwd, env }: CliEnvironment,
  notice: (message: string) => void,
): Promise<Log> {
  // A way for tests to have the process killed in the middle of a commit.
  const failpoint = env['MILLRACE_FAILPOINT']
  return openEmbeddedLog({ directory: resolve(cwd, dataDir), clock, notice, failpoint })
}

/**
 * Opens the log beside the process that writes it, for as long as `use` takes.
 * @throws PipelineError as `openEmbeddedLog`
 */
export async function lookIntoLog<Result>(
  dataDir: string,
  { clock, cwd }: CliEnvironment,
  use: (log: Log) => Promise<Result>,
): Promise<Result> {
  const log = await openEmbeddedLog({ directory: resolve(cwd, dataDir), clock, readOnly: true })
  try {
    return await use(log)
  } finally {
    await log.close()
  }
}
