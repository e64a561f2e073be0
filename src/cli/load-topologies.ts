import { readFileSync } from 'node:fs'
import { dirname, relative } from 'node:path'
import type { Connection } from '../core/connection-name.ts'
import type { Definitions } from '../core/definitions.ts'
import { messageOf, PipelineError } from '../core/errors.ts'
import { sinks } from '../endpoints/sinks/registry.generated.ts'
import { sources } from '../endpoints/sources/registry.generated.ts'
import { ExpressionError } from '../expressions/expression-error.ts'
import { listeners } from '../hooks/registry.generated.ts'
import { brokersOfUrl, isKafkaUrl, kafkaUrl } from '../core/kafka-connection.ts'
import { operators } from '../operators/registry.generated.ts'
import { ConfigErrors, formatPath, type Diagnostic } from '../spec/diagnostic.ts'
import { connectionsOpened, loadPipeline, type LoadedPipeline } from '../spec/load-pipeline.ts'
import type { PipelineSpec, TopicSettings } from '../spec/pipeline-spec.ts'
import { topicsNamedBy } from '../spec/stage-outputs.ts'
import { bindConfig } from '../topology/bind-config.ts'
import {
  compileTopology,
  type CompileEnvironment,
  type CompileProblem,
} from '../topology/compile.ts'
import { namedTopics } from '../topology/check-topics.ts'
import type { LogKind, TopicKind, Topology } from '../topology/topology.ts'
import { checkFiles } from './check-files.ts'
import { checkTables } from './check-tables.ts'
import { askedLog, logKind } from './choose-log.ts'
import type { LoadEnvironment } from './cli-environment.ts'
import { connectionOf } from './file-connections.ts'
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
  /** What the pipelines were compiled for. */
  readonly log: LogKind
}

export interface LoadOptions {
  /** `--log`, which comes before `MILLRACE_LOG` and the files. */
  readonly log?: string | undefined
  /** Settings of topics that exist already, for stages that use them and do not declare them. */
  readonly stored?: KnownTopics
  /** No log will be opened: what the files say of one does not matter. */
  readonly forTests?: boolean
}

export type KnownTopics = ReadonlyMap<string, TopicSettings>
type Loaded = PipelineFilePath & LoadedPipeline & { readonly text: string }
type IgnoredParts = { readonly ignoresLog: boolean; readonly ignoresEndpoints: boolean }
type Connections = ReadonlyMap<string, Connection>

/**
 * Reads and compiles all pipelines that the paths name, and finds everything that is wrong with them.
 * @throws PipelineError CONFIG_USAGE when `--log` or `MILLRACE_LOG` names no log.
 */
export function loadTopologies(
  paths: readonly string[],
  environment: LoadEnvironment,
  options: LoadOptions = {},
): LoadResult {
  const { stored = new Map(), forTests = false } = options
  const asked = forTests ? { log: 'embedded' } : askedLog(options.log, environment)
  const diagnostics: Diagnostic[] = []
  const found = paths.flatMap(
    (path) => collecting(diagnostics, path, () => listPipelineFiles(path, environment.cwd)) ?? [],
  )
  const ignores = { ignoresLog: asked !== null, ignoresEndpoints: forTests }
  const unique = [...new Map(found.map((file) => [file.absolute, file])).values()]
  const loaded = unique.flatMap((file) => {
    const result = collecting(diagnostics, file.shown, () => load(file, environment, ignores))
    diagnostics.push(...(result?.warnings ?? []))
    return result === null ? [] : [result]
  })
  diagnostics.push(...clashes(loaded))
  if (asked === null) diagnostics.push(...disagreements(loaded))
  const log = asked === null ? logOfFiles(loaded) : logKind(asked.log)
  const known = new Map([...stored, ...loaded.flatMap(({ spec }) => [...spec.topics])])
  const files = loaded.map((file) => {
    const { connections, problems } = bindConnections(file, ignores)
    const compiled = compile(file, known, { log: forTests ? null : log, connections })
    diagnostics.push(...problems, ...compiled.diagnostics)
    return compiled.file
  })
  diagnostics.push(...internalClashes(files))
  const sound = files.filter(({ shown }) => !errorsIn(diagnostics).has(shown))
  for (const { file, problem } of [...checkFiles(sound), ...checkTables(sound)])
    diagnostics.push(diagnosticOf(problem, file))
  const bad = errorsIn(diagnostics)
  return {
    files: files.filter(({ shown }) => !bad.has(shown)),
    diagnostics: environment.mask.json(inOrder(diagnostics, unique)),
    log,
  }
}

/** The files that have errors, as they are shown. */
function errorsIn(diagnostics: readonly Diagnostic[]): ReadonlySet<string> {
  return new Set(diagnostics.filter(isError).map(({ file }) => file))
}

export function isError({ severity }: Diagnostic): boolean {
  return severity === 'error'
}

function load(file: PipelineFilePath, environment: LoadEnvironment, ignores: IgnoredParts): Loaded {
  const text = readPipelineFile(file)
  const loaded = loadPipeline(text, {
    file: file.shown,
    definitions,
    environment: environment.env,
    readSecret: (name) => readSecret(name, environment),
    ...ignores,
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
  { log, connections }: { log: LogKind | null; connections: Connections },
): { file: PipelineFile; diagnostics: Diagnostic[] } {
  const { shown, absolute, source, text } = file
  const spec = withKnownTopics(file.spec, known)
  const { topology, problems } = compileTopology(spec, {
    ...compileEnvironment(absolute, log),
    connection: (name) => connections.get(name) ?? null,
  })
  const diagnostics = problems.map((problem) => diagnosticOf(problem, file))
  return { file: { shown, absolute, text, source, spec, topology }, diagnostics }
}

/** The pipeline as its tests want it: every topic with so many partitions. */
export function compileForTest({ spec, absolute }: PipelineFile, partitions: number): Topology {
  return compileTopology(spec, { ...compileEnvironment(absolute, null), partitions }).topology
}

function compileEnvironment(file: string, log: LogKind | null): CompileEnvironment {
  const folder = dirname(file)
  // The embedded log has one process: all its tasks share a thread.
  const regroup = log === 'kafka' ? 'repartition' : 'one_task'
  return { folder, readText: (path) => readText(path, folder), regroup, log }
}

/** Reads the certificates of the servers that a run of the file needs. */
function bindConnections(
  file: Loaded,
  ignores: IgnoredParts,
): { connections: Connections; problems: Diagnostic[] } {
  const connections = new Map<string, Connection>()
  const problems: CompileProblem[] = []
  const folder = dirname(file.absolute)
  for (const name of connectionsOpened(file.spec, ignores)) {
    const found = file.spec.connections.get(name)
    if (found === undefined) continue
    const before = problems.length
    bindConfig(found.settings, found.path, {
      folder,
      readText: (path) => readText(path, folder),
      report: (path, thrown) => problems.push({ severity: 'error', path, thrown }),
    })
    if (problems.length > before) continue
    try {
      connections.set(name, connectionOf(found))
    } catch (thrown) {
      problems.push({ severity: 'error', path: found.path, thrown })
    }
  }
  return { connections, problems: problems.map((problem) => diagnosticOf(problem, file)) }
}

function logOfFiles(loaded: readonly Loaded[]): LogKind {
  const logs = loaded.flatMap(({ spec: { log } }) => (log === null ? [] : [log]))
  return logs.some((log) => typeof log === 'object' || isKafkaUrl(log)) ? 'kafka' : 'embedded'
}

/** Pipelines that run together have one log. */
function disagreements(loaded: readonly Loaded[]): Diagnostic[] {
  const [first, ...others] = loaded.filter(({ spec }) => spec.log !== null)
  if (first === undefined) return []
  return others
    .filter(({ spec }) => placeOfLog(spec) !== placeOfLog(first.spec))
    .map(({ shown, source, spec }) => ({
      severity: 'error',
      code: 'CONFIG_TOPOLOGY',
      message: `${first.shown} wants ${placeOfLog(first.spec)}, and this file ${placeOfLog(spec)}: pipelines that run together have one log; --log names it, or run each by itself`,
      file: shown,
      ...source.locate(['log']),
      path: 'log',
    }))
}

function placeOfLog({ log, connections }: PipelineSpec): string {
  if (typeof log === 'string') {
    const brokers = isKafkaUrl(log) ? brokersOfUrl(log) : log
    return typeof brokers === 'string' ? brokers : kafkaUrl({ brokers })
  }
  const connection = log === null ? undefined : connections.get(log.connection)
  return connection?.type === 'kafka' ? kafkaUrl(connection.settings) : 'no log'
}

/** A topic is declared by one pipeline, and has its settings for all that use it. */
function withKnownTopics(spec: PipelineSpec, known: KnownTopics): PipelineSpec {
  const missing = spec.stages.flatMap(topicsNamedBy).flatMap((name) => {
    if (spec.topics.has(name)) return []
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

const internalKinds: ReadonlySet<TopicKind> = new Set([
  'internal',
  'repartition',
  'changelog',
  'replay',
])

/** What one pipeline keeps for itself is no topic of another. */
function internalClashes(files: readonly PipelineFile[]): Diagnostic[] {
  const owners = new Map(
    files.flatMap(({ shown, topology }) =>
      topology.topics
        .filter(({ kind }) => internalKinds.has(kind))
        .map(({ name }) => [name, shown] as const),
    ),
  )
  return files.flatMap((file) =>
    namedTopics(file.spec)
      .filter(([name]) => (owners.get(name) ?? file.shown) !== file.shown)
      .map(([name, path]) => {
        const message = `"${name}" is an internal topic of ${owners.get(name)}; give this one another name`
        const thrown = new PipelineError('CONFIG_TOPOLOGY', message)
        return diagnosticOf({ severity: 'error', path, thrown }, file)
      }),
  )
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
