import { messageOf, PipelineError } from '../core/errors.ts'
import { exitCodes, say, type CliEnvironment, type ExitCode } from './cli-environment.ts'
import { printable } from './printable.ts'

/** Says what went wrong; returns the exit code that it leads to. Only a bug shows its stack. */
export function printError(environment: CliEnvironment, thrown: unknown): ExitCode {
  if (!(thrown instanceof PipelineError) || thrown.kind === 'bug') {
    say(environment, `millrace: a bug in Millrace: ${printable(traceOf(thrown))}`)
    say(
      environment,
      'Please report it with the lines above, the pipeline file and `millrace --version`.',
    )
    return exitCodes.failed
  }
  say(environment, `millrace: ${printable(thrown.message)} (${thrown.code})`)
  return exitCodeOf(thrown)
}

export function exitCodeOf(error: PipelineError): ExitCode {
  return error.kind === 'config' ? exitCodes.config : exitCodes.failed
}

/** The innermost stack: errors are wrapped on their way up. */
function traceOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return messageOf(thrown)
  if (thrown.cause instanceof Error) return `${thrown.message}\n${traceOf(thrown.cause)}`
  return thrown.stack ?? thrown.message
}
