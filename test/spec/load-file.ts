import { ConfigErrors, type Diagnostic } from '../../src/spec/diagnostic.ts'
import { loadPipeline, type LoadedPipeline } from '../../src/spec/load-pipeline.ts'
import { definitions } from './fixture-definitions.ts'

export interface Surroundings {
  readonly environment?: Readonly<Record<string, string>>
  readonly secrets?: Readonly<Record<string, string>>
  readonly ignoresLog?: boolean
}

export function load(
  text: string,
  { environment = {}, secrets = {}, ignoresLog = false }: Surroundings = {},
): LoadedPipeline {
  return loadPipeline(text, {
    file: 'pipelines/x.yaml',
    definitions,
    environment,
    readSecret: (name) => secrets[name],
    ignoresLog,
  })
}

/** What is wrong with a file; none when it is read. */
export function problemsOf(text: string, surroundings: Surroundings = {}): readonly Diagnostic[] {
  try {
    load(text, surroundings)
    return []
  } catch (thrown) {
    if (thrown instanceof ConfigErrors) return thrown.diagnostics
    throw thrown
  }
}

/** A file whose one stage has these lines, from line 4 on, indented by four. */
export function stageWith(...lines: readonly string[]): string {
  return ['pipeline: p', 'stages:', '  - name: s', ...lines.map((line) => `    ${line}`)].join('\n')
}

/** A file whose one stage has this step on line 6, behind `      - ` (column 9). */
export function stepWith(...lines: readonly string[]): string {
  const [first = '', ...rest] = lines
  return stageWith(
    'from: a',
    'steps:',
    `  - ${first}`,
    ...rest.map((line) => `    ${line}`),
    'to: b',
  )
}
