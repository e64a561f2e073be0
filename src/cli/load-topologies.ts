import { readFileSync } from 'node:fs'
import { dirname, relative } from 'node:path'
import type { Definitions } from '../core/definitions.ts'
import { messageOf, PipelineError } from '../core/errors.ts'
import { sinks } from '../endpoints/sinks/registry.generated.ts'
import { sources } from '../endpoints/sources/registry.generated.ts'
import { ExpressionError } from '../expressions/expression-error.ts'
import { listeners } from '../hooks/registry.generated.ts'
import { operators } from '../operators/registry.generated.ts'
import { ConfigErrors, formatPath, type Diagnostic } from '../spec/diagnostic.ts'
import { loadPipeline, type LoadedPipeline } from '../spec/load-pipeline.ts'
import type { PipelineSpec, TopicSettings } from '../spec/pipeline-spec.ts'
import {
  compileTopology,
  type CompileEnvironment,
  type CompileProblem,
} from '../topology/compile.ts'
import type { Topology } from '../topology/topology.ts'
import { checkFiles } from './check-files.ts'
import type { LoadEnvironment } from './cli-environment.ts'
import { listPipelineFiles, readPipelineFile, type PipelineFilePath } from './pipeline-files.ts'
import { readSecret } from './read-secret.ts'

export const definitions: Definitions = { operators, sources, sinks, listeners }

/** A pipeline file that was read and compiled. */
export interface PipelineFile extends PipelineFilePath {
  readonly text: string
  readonly spec: PipelineSpec
  readonly source: LoadedPipeline['source']
  readonly topology: Topology
}

export interface LoadResult {
  /** Those without an error. */
  readonly files: readonly PipelineFile[]
  /** Of all files, in their order; line and column are 0 where the finding is about the file as a whole. */
  readonly diagnostics: readonly Diagnostic[]
}

export type KnownTopics = ReadonlyMap<string, TopicSettings>
type Loaded = PipelineFilePath & LoadedPipeline & { readonly text: string }

/**
 * Reads and compiles all pipelines that the paths name, and finds everything that is wrong with them.
 * @param stored settings of topics that exist already, for stages that read them and do not declare them.
 */
export function loadTopologies(
  paths: readonly string[],
  environment: LoadEnvironment,
  stored: KnownTopics = new Map(),
): LoadResult {
  const diagnostics: Diagnostic[] = []
  const found = paths.flatMap(
    (path) => collecting(diagnostics, path, () => listPipelineFiles(path, environment.cwd)) ?? [],
  )
  const unique = [...new Map(found.map((file) => [file.absolute, file])).values()]
  const loaded = unique.flatMap((file) => {
    const result = collecting(diagnostics, file.shown, () => load(file, environment))
    diagnostics.push(...(result?.warnings ?? []))
    return result === null ? [] : [result]
  })
  diagnostics.push(...clashes(loaded))
  const known = new Map([...stored, ...loaded.flatMap(({ spec }) => [...spec.topics])])
  const files = loaded.map((file) => {
    const compiled = compile(file, known)
    diagnostics.push(...compiled.diagnostics)
    return compiled.file
  })
  const sound = files.filter(({ shown }) => !errorsIn(diagnostics).has(shown))
  for (const { file, problem } of checkFiles(sound)) diagnostics.push(diagnosticOf(problem, file))
  const bad = errorsIn(diagnostics)
  return {
    files: files.filter(({ shown }) => !bad.has(shown)),
    diagnostics: environment.mask.json(inOrder(diagnostics, unique)),
  }
}

/** The files that have errors, as they are shown. */
function errorsIn(diagnostics: readonly Diagnostic[]): ReadonlySet<string> {
  return new Set(diagnostics.filter(isError).map(({ file }) => file))
}

export function isError({ severity }: Diagnostic): boolean {
  return severity === 'error'
}

function load(file: PipelineFilePath, environment: LoadEnvironment): Loaded {
  const text = readPipelineFile(file)
  const loaded = loadPipeline(text, {
    file: file.shown,
    definitions,
    environment: environment.env,
    readSecret: (name) => readSecret(name, environment),
  })
  for (const secret of loaded.secrets) environment.mask.add(secret)
  return { ...file, ...loaded, text }
}

/** Runs `read` and collects what it finds wrong; null where that is all there is. */
function collecting<Result>(
  diagnostics: Diagnostic[],
  file: string,
  read: () => Result,
): Result | null {
  try {
    return read()
  } catch (thrown) {
    if (!(thrown instanceof PipelineError) || thrown.kind !== 'config') throw thrown
    if (thrown instanceof ConfigErrors) diagnostics.push(...thrown.diagnostics)
    else diagnostics.push(ofFile(file, thrown))
    return null
  }
}

function ofFile(file: string, { code, message }: PipelineError): Diagnostic {
  return { severity: 'error', code, message, file, line: 0, column: 0, path: '' }
}

function compile(
  file: Loaded,
  known: KnownTopics,
): { file: PipelineFile; diagnostics: Diagnostic[] } {
  const { shown, absolute, source, text } = file
  const spec = withKnownTopics(file.spec, known)
  const { topology, problems } = compileTopology(spec, compileEnvironment(absolute))
  const diagnostics = problems.map((problem) => diagnosticOf(problem, file))
  return { file: { shown, absolute, text, source, spec, topology }, diagnostics }
}

/** The pipeline as its tests want it: every topic with so many partitions. */
export function compileForTest({ spec, absolute }: PipelineFile, partitions: number): Topology {
  return compileTopology(spec, { ...compileEnvironment(absolute), partitions }).topology
}

function compileEnvironment(file: string): CompileEnvironment {
  const folder = dirname(file)
  // The embedded log has one process: all its tasks share a thread.
  return { folder, readText: (path) => readText(path, folder), regroup: 'one_task' }
}

/** A topic is declared by one pipeline, and has its settings for all that use it. */
function withKnownTopics(spec: PipelineSpec, known: KnownTopics): PipelineSpec {
  const used = spec.stages.flatMap(({ from, to, dlq, late }) => [...from, to, dlq, late])
  const missing = used.flatMap((name) => {
    if (name === null || spec.topics.has(name)) return []
    const settings = known.get(name)
    return settings === undefined ? [] : [[name, settings] as const]
  })
  return missing.length === 0 ? spec : { ...spec, topics: new Map([...spec.topics, ...missing]) }
}

/** @throws PipelineError CONFIG_FILE */
function readText(path: string, folder: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new PipelineError(
      'CONFIG_FILE',
      `reading ${relative(folder, path)}: ${messageOf(error)}`,
      { cause: error },
    )
  }
}

/** @throws what is no mistake of the user's. */
function diagnosticOf(
  { severity, path, thrown }: CompileProblem,
  { shown, source }: Pick<Loaded, 'shown' | 'source'>,
): Diagnostic {
  if (!(thrown instanceof PipelineError) || thrown.kind === 'bug') throw thrown
  const place =
    thrown instanceof ExpressionError ? source.locateIn(path, thrown.offset) : source.locate(path)
  return {
    severity,
    code: thrown.code,
    message: thrown.message,
    file: shown,
    ...place,
    path: formatPath(path),
  }
}

/** What no pipeline may have in common with another. */
function clashes(loaded: readonly Loaded[]): Diagnostic[] {
  const pipelines = new Map<string, string>()
  const topics = new Map<string, string>()
  return loaded.flatMap(({ shown, spec, source }) => {
    const found: Diagnostic[] = []
    const claim = (
      owners: Map<string, string>,
      name: string,
      about: { what: string; path: readonly string[] },
    ) => {
      const owner = owners.get(name)
      owners.set(name, owner ?? shown)
      if (owner === undefined) return
      const message = `${about.what} "${name}" is declared by ${owner} already`
      const path = formatPath(about.path)
      found.push({
        severity: 'error',
        code: 'CONFIG_TOPOLOGY',
        message,
        file: shown,
        ...source.locate(about.path),
        path,
      })
    }
    const prefix = spec.namespace === '' ? '' : `${spec.namespace}.`
    claim(pipelines, `${prefix}${spec.pipeline}`, { what: 'the pipeline', path: ['pipeline'] })
    for (const topic of spec.topics.keys())
      claim(topics, topic, { what: 'the topic', path: ['topics', topic] })
    return found
  })
}

function inOrder(
  diagnostics: readonly Diagnostic[],
  files: readonly PipelineFilePath[],
): Diagnostic[] {
  const rank = new Map(files.map(({ shown }, index) => [shown, index]))
  return diagnostics.toSorted(
    (left, right) =>
      (rank.get(left.file) ?? -1) - (rank.get(right.file) ?? -1) ||
      left.line - right.line ||
      left.column - right.column,
  )
}
