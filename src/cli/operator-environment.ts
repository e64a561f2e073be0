import type { OperatorEnvironment } from '../core/async-operator.ts'
import { PipelineError } from '../core/errors.ts'
import { tableOpener } from '../endpoints/tables/open-tables.ts'
import type { CliEnvironment } from './cli-environment.ts'
import type { WriteLog } from './create-logger.ts'

/** What steps that wait for something outside get in a command. */
export function operatorEnvironment(
  { clock, random, spawn }: CliEnvironment,
  log: WriteLog,
  outside: Pick<OperatorEnvironment, 'http' | 'topics'> = {},
): OperatorEnvironment {
  return { clock, random, log, spawn: spawn ?? refuse, openTable: tableOpener(), ...outside }
}

function refuse(): never {
  throw new PipelineError('CONFIG_USAGE', 'no processes are run here')
}
