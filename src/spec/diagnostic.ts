import { PipelineError, type ErrorCode } from '../core/errors.ts'
import type { ConfigPath } from './pipeline-spec.ts'

/** One finding about a pipeline file, with its place. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning'
  readonly code: ErrorCode
  readonly message: string
  readonly file: string
  /** Counted from 1. */
  readonly line: number
  /** Counted from 1, in UTF-16 units, as editors do. */
  readonly column: number
  /** `stages[2].steps[0].filter`; empty for the file as a whole. */
  readonly path: string
  /** What to write instead. */
  readonly hint?: string
}

/** Everything that is wrong with a pipeline file, in the order of the file. */
export class ConfigErrors extends PipelineError {
  readonly diagnostics: readonly Diagnostic[]

  constructor(diagnostics: readonly [Diagnostic, ...Diagnostic[]]) {
    super(diagnostics[0].code, diagnostics.map(formatDiagnostic).join('\n'))
    this.diagnostics = diagnostics
  }
}

/** `file:line:column: path: message (CODE)`, with the hint on a line of its own. */
export function formatDiagnostic(diagnostic: Diagnostic): string {
  const { file, line, column, path, message, code, hint } = diagnostic
  const place = path === '' ? '' : `${path}: `
  const line1 = `${file}:${line}:${column}: ${place}${message} (${code})`
  return hint === undefined ? line1 : `${line1}\n  ${hint}`
}

const plainName = /^[A-Za-z_$][\w$-]*$/

/** `stages[0].steps[1].filter`; names with points and the like are quoted: `topics["orders.raw"]`. */
export function formatPath(path: ConfigPath): string {
  let text = ''
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`
    else if (!plainName.test(part)) text += `[${JSON.stringify(part)}]`
    else text += text === '' ? part : `.${part}`
  }
  return text
}
