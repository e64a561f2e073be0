import { resolve } from 'node:path'
import type { Log } from '../core/log.ts'
import { openEmbeddedLog } from '../logs/embedded/open-embedded-log.ts'
import type { CliEnvironment } from './cli-environment.ts'
import { nameSetting } from './kafka-connections.ts'
import type { LogChoice, OpenKafkaLog, OpenLog } from './log-choice.ts'

/** @throws PipelineError as `openEmbeddedLog`, or as `openKafka`. */
export function logOpener(
  { clock, cwd, env }: Pick<CliEnvironment, 'clock' | 'cwd' | 'env'>,
  openKafka: OpenKafkaLog,
): OpenLog {
  // A way for tests to have the process killed in the middle of a commit.
  const failpoint = env['MILLRACE_FAILPOINT']
  return async (choice, options) => {
    const directory = resolve(cwd, choice.dataDir)
    if (choice.kind === 'embedded')
      return openEmbeddedLog({ ...options, directory, clock, failpoint })
    const { connection, named } = choice
    const nameOf = (setting: string) => nameSetting(named, setting)
    return openKafka({ ...options, connection, nameSetting: nameOf, directory, clock })
  }
}

/**
 * Opens the log beside the process that writes it, for as long as `use` takes.
 * @throws PipelineError as `OpenLog`
 */
export async function lookIntoLog<Result>(
  choice: LogChoice,
  environment: CliEnvironment,
  use: (log: Log) => Promise<Result>,
): Promise<Result> {
  const log = await environment.openLog(choice, { readOnly: true, notice: () => {} })
  try {
    return await use(log)
  } finally {
    await log.close()
  }
}
