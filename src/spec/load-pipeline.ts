import type { Definitions } from '../core/definitions.ts'
import { buildNodes } from './build-nodes.ts'
import { checkPipeline } from './check-pipeline.ts'
import type { CheckContext } from './check-setting.ts'
import { scalarsOf, type ConfigNode } from './config-node.ts'
import { connectionsUsed } from './connections-used.ts'
import type { Diagnostic } from './diagnostic.ts'
import { Findings } from './findings.ts'
import type { PipelineSpec } from './pipeline-spec.ts'
import { readPipeline } from './read-pipeline.ts'
import { readYaml } from './read-yaml.ts'
import { LineIndex, SourceMap } from './source-map.ts'

export interface LoadOptions {
  /** The name of the file as messages show it. */
  readonly file: string
  readonly definitions: Definitions
  readonly environment: Readonly<Record<string, string | undefined>>
  /** The value of a secret; undefined where there is none of this name. */
  readonly readSecret: (name: string) => string | undefined
  /** The log of the file is not used: another one was asked for, or none will be opened. */
  readonly ignoresLog?: boolean
  /** No source or sink will be opened. */
  readonly ignoresEndpoints?: boolean
}

export interface LoadedPipeline {
  readonly spec: PipelineSpec
  readonly source: SourceMap
  readonly warnings: readonly Diagnostic[]
  /** Values that no output may show. */
  readonly secrets: ReadonlySet<string>
}

/**
 * Reads a pipeline file. Expressions, paths and text files in it are not yet bound.
 * @throws ConfigErrors with everything that is wrong with the file.
 */
export function loadPipeline(fileText: string, options: LoadOptions): LoadedPipeline {
  const text = fileText.startsWith('\uFEFF') ? fileText.slice(1) : fileText
  const lines = new LineIndex(text)
  const findings = new Findings(options.file, lines)
  const document = readYaml(text, findings)
  const { environment, readSecret } = options
  const root = buildNodes(document, text, { findings, variables: { environment, readSecret } })
  const source = new SourceMap(text, lines, root)
  findings.source = source
  const context: CheckContext = { findings, ignored: new Set() }
  // What YAML has misread would be told again as something missing.
  const isMisread = findings.count > 0
  const spec = readPipeline(root, { context, definitions: options.definitions })
  if (spec !== null && !isMisread) checkPipeline(spec, root, findings)
  const connections = spec === null ? new Set<string>() : connectionsOpened(spec, options)
  reportVariables(root, text, { context, connections })
  findings.throwIfAny()
  if (spec === null) throw new TypeError('a pipeline file without a finding has no result')
  return { spec, source, warnings: findings.warnings(), secrets: findings.secrets }
}

/** The names of the connections of a file that a run of it needs. */
export function connectionsOpened(
  spec: PipelineSpec,
  { ignoresLog, ignoresEndpoints }: Pick<LoadOptions, 'ignoresLog' | 'ignoresEndpoints'>,
): Set<string> {
  const log = ignoresLog === true || typeof spec.log === 'string' ? null : spec.log
  const endpoints = ignoresEndpoints === true ? [] : connectionsUsed(spec)
  return new Set([...(log === null ? [] : [log.connection]), ...endpoints.map(({ name }) => name)])
}

/** Only of what is used: a variable of an ignored block or of another log's connection need not be set. */
function reportVariables(
  root: ConfigNode,
  text: string,
  used: { context: CheckContext; connections: ReadonlySet<string> },
): void {
  const { findings, ignored } = used.context
  for (const { scalar, path } of scalarsOf(root, ignored)) {
    const { problem, start, end } = scalar
    if (problem === null || problem === 'reported') continue
    if (path[0] === 'connections' && !used.connections.has(String(path[1]))) continue
    const { message, hint, reference } = problem
    const at = text.indexOf(reference, start)
    findings.atOffset(
      at >= start && at < end ? at : start,
      { code: 'CONFIG_VARIABLE', message, hint },
      path,
    )
  }
}
