import { realpathSync } from 'node:fs'
import { matchesGlob } from 'node:path'
import { PipelineError } from '../core/errors.ts'
import type { PipelineSpec, StageSpec } from '../spec/pipeline-spec.ts'
import type { CompileProblem } from '../topology/compile.ts'

/** A pipeline whose paths are bound. */
export interface CheckedPipeline {
  readonly spec: PipelineSpec
}

export interface FileProblem<Checked> {
  readonly file: Checked
  readonly problem: CompileProblem
}

/**
 * Two sinks on one file would cut off what the other has written, and a sink on the file of a source
 * would feed the pipeline with itself: over all pipelines that are run together.
 */
export function checkFiles<Checked extends CheckedPipeline>(
  files: readonly Checked[],
): FileProblem<Checked>[] {
  const problems: FileProblem<Checked>[] = []
  const writers = new Map<string, string>()
  const read = files.flatMap(({ spec }) => spec.stages.flatMap(filesRead))
  for (const file of files) {
    for (const stage of file.spec.stages) {
      for (const path of filesWritten(stage)) {
        const name = `"${stage.name}" of the pipeline "${file.spec.pipeline}"`
        const other = writers.get(path) ?? null
        const source = read.find(({ pattern }) => path === pattern || matchesGlob(path, pattern))
        if (other !== null)
          problems.push(problemOf(file, stage, `the stage ${other} writes this file too`))
        if (source !== undefined) {
          problems.push(problemOf(file, stage, `the stage "${source.stage}" reads this file`))
        }
        writers.set(path, name)
      }
    }
  }
  return problems
}

function problemOf<Checked>(file: Checked, stage: StageSpec, what: string): FileProblem<Checked> {
  const thrown = new PipelineError('CONFIG_TOPOLOGY', `${what}; give the sink a file of its own`)
  return { file, problem: { severity: 'error', path: stage.sink?.path ?? stage.path, thrown } }
}

function filesWritten({ sink }: StageSpec): string[] {
  return sink === null ? [] : sink.definition.files(sink.config).map(realPath)
}

function filesRead({ name, source }: StageSpec): { stage: string; pattern: string }[] {
  if (source === null) return []
  return source.definition
    .files(source.config)
    .flatMap((pattern) => [...new Set([pattern, realPath(pattern)])])
    .map((pattern) => ({ stage: name, pattern }))
}

/** The file that a path leads to, where it exists already. */
function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
