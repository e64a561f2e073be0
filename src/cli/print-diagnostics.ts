import { formatDiagnostic, type Diagnostic } from '../spec/diagnostic.ts'
import { say, type CliEnvironment } from './cli-environment.ts'
import { printable } from './printable.ts'

export function printDiagnostics(
  environment: CliEnvironment,
  diagnostics: readonly Diagnostic[],
): void {
  for (const diagnostic of diagnostics) say(environment, printable(textOf(diagnostic)))
}

function textOf(diagnostic: Diagnostic): string {
  const { severity, line, message, code } = diagnostic
  const text = line === 0 ? `${message} (${code})` : formatDiagnostic(diagnostic)
  return severity === 'warning' ? `warning: ${text}` : text
}

/** `3 errors, 1 warning`; empty when there is nothing to count. */
export function countDiagnostics(diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length
  const warnings = diagnostics.length - errors
  return [counted(errors, 'error'), counted(warnings, 'warning')]
    .filter((text) => text !== '')
    .join(', ')
}

function counted(count: number, noun: string): string {
  if (count === 0) return ''
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
