import { messageOf, PipelineError } from '../core/errors.ts'
import { ExpressionError } from '../expressions/expression-error.ts'
import { formatPath, type Diagnostic } from './diagnostic.ts'
import type { ConfigPath } from './pipeline-spec.ts'
import type { SourceMap } from './source-map.ts'

/** Something that was found wrong after reading, such as an expression that cannot be compiled. */
export interface LateProblem {
  readonly severity: Diagnostic['severity']
  readonly path: ConfigPath
  readonly thrown: unknown
}

/** Gives a problem its place in the file; that of an expression is inside of its text. */
export function diagnoseProblem(
  problem: LateProblem,
  { file, source }: { file: string; source: SourceMap },
): Diagnostic {
  const { severity, path, thrown } = problem
  const place =
    thrown instanceof ExpressionError ? source.locateIn(path, thrown.offset) : source.locate(path)
  const code = thrown instanceof PipelineError ? thrown.code : 'CONFIG_INVALID'
  return { severity, code, message: messageOf(thrown), file, ...place, path: formatPath(path) }
}
