import { exitCodes, type CliEnvironment, type ExitCode } from './cli-environment.ts'
import { schemaText } from './package-files.ts'

export async function schema({ stdout }: CliEnvironment): Promise<ExitCode> {
  stdout.write(schemaText())
  return exitCodes.ok
}
