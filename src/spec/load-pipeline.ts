import { z } from 'zod'
import type { Definitions } from '../core/definitions.ts'
import { buildNodes } from './build-nodes.ts'
import { checkPipeline } from './check-pipeline.ts'
import { checkSetting, type CheckContext } from './check-setting.ts'
import { childOf, describeNode, scalarsOf, type ConfigNode } from './config-node.ts'
import type { Diagnostic } from './diagnostic.ts'
import type { Explained } from './explain-issue.ts'
import { Findings, type Finding } from './findings.ts'
import { pipelineSchema, type PipelineFile } from './pipeline-schema.ts'
import type { PipelineSpec, StageSpec, TestSpec } from './pipeline-spec.ts'
import { buildStage, readStageComponents, type ReadOptions } from './read-stages.ts'
import { buildTest, readTestSteps } from './read-tests.ts'
import { readYaml } from './read-yaml.ts'
import { LineIndex, SourceMap } from './source-map.ts'
import { findingForWord, type Place } from './wrong-words.ts'

export interface LoadOptions {
  /** The name of the file as messages show it. */
  readonly file: string
  readonly definitions: Definitions
  readonly environment: Readonly<Record<string, string | undefined>>
  /** The value of a secret; undefined where there is none of this name. */
  readonly readSecret: (name: string) => string | undefined
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
  reportVariables(root, text, context)
  findings.throwIfAny()
  if (spec === null) throw new TypeError('a pipeline file without a finding has no result')
  return { spec, source, warnings: findings.warnings(), secrets: findings.secrets }
}

const unread = z.unknown()
const frame = pipelineSchema({
  step: unread,
  source: unread,
  sink: unread,
  listeners: unread,
  testStep: unread,
})

/** Components are read even where the frame around them has errors, so that all is told at once. */
function readPipeline(
  root: ConfigNode,
  { context, definitions }: ReadOptions,
): PipelineSpec | null {
  if (root.kind !== 'map') {
    const message = `a pipeline file is a map with "pipeline:" and "stages:", but this is ${describeNode(root)}`
    context.findings.at([], { code: 'CONFIG_INVALID', message })
    return null
  }
  ignoreTopicExtensions(root, context)
  const file = checkSetting(frame, root, {
    ...context,
    path: [],
    say: (what) => sayOfFrame(what, root),
  })
  const stages = itemsOf(root, 'stages').map((node, index) => {
    return readStageComponents(node, ['stages', index], { context, definitions })
  })
  const tests = itemsOf(root, 'tests').map((node, index) =>
    readTestSteps(node, ['tests', index], context),
  )
  if (file === null) return null
  return specOf(file.value, {
    stages: file.value.stages.map((stage, index) => {
      const path = ['stages', index]
      return buildStage(stage, { path, defaults: file.value.defaults, components: stages[index]! })
    }),
    tests: (file.value.tests ?? []).map((test, index) => {
      return buildTest(test, { path: ['tests', index], steps: tests[index]! })
    }),
  })
}

/** Any name could be a topic's, so that the schema does not know these as unknown. */
function ignoreTopicExtensions(root: ConfigNode, { ignored }: CheckContext): void {
  const topics = childOf(root, 'topics')
  if (topics?.kind !== 'map') return
  for (const [name, entry] of topics.entries) {
    if (name.startsWith('x-')) ignored.add(entry)
  }
}

function itemsOf(root: ConfigNode, name: string): readonly ConfigNode[] {
  const node = childOf(root, name)
  return node?.kind === 'list' ? node.items : []
}

function specOf(
  file: PipelineFile,
  parts: { stages: StageSpec[]; tests: TestSpec[] },
): PipelineSpec {
  const topics = Object.entries(file.topics ?? {})
  const topicDefaults = { partitions: 4, retention: 604_800_000 }
  return {
    pipeline: file.pipeline,
    description: file.description ?? null,
    namespace: file.namespace,
    log: file.log ?? null,
    topics: new Map(
      topics.map(([name, settings]) => {
        const { partitions, retention } = settings ?? topicDefaults
        return [name, { partitions, retentionMs: retention }]
      }),
    ),
    ...parts,
  }
}

function sayOfFrame({ path, unknown }: Explained, root: ConfigNode): Finding | null {
  if (unknown !== null) {
    const place = placeOf(path.slice(0, -1))
    return place === null ? null : findingForWord(unknown.key, place)
  }
  const code = 'CONFIG_INVALID'
  const node = path.reduce<ConfigNode | undefined>((at, part) => at && childOf(at, part), root)
  const last = path.at(-1)
  if (path[0] === 'stages' && path.length === 3 && last === 'to' && node?.kind === 'map') {
    return {
      code,
      message: 'several outputs of a stage (a map in "to") are not supported yet',
      hint: 'name one topic: "to: TOPIC"',
    }
  }
  if (
    path[0] === 'topics' &&
    last === 'cleanup' &&
    node?.kind === 'scalar' &&
    node.value === 'compact'
  ) {
    return { code, message: '"cleanup: compact" is not supported yet' }
  }
  return null
}

function placeOf(path: readonly (string | number)[]): Place | null {
  if (path.length === 0) return 'pipeline'
  if (path.length === 1 && path[0] === 'defaults') return 'stage'
  if (path.length === 2) return path[0] === 'stages' ? 'stage' : path[0] === 'tests' ? 'test' : null
  return path[0] === 'stages' && path[2] === 'hooks' && path.length === 4 ? 'hook' : null
}

/** Only of what is used: a variable inside an ignored block need not be set. */
function reportVariables(
  root: ConfigNode,
  text: string,
  { findings, ignored }: CheckContext,
): void {
  for (const { scalar, path } of scalarsOf(root, ignored)) {
    const { problem, start, end } = scalar
    if (problem === null || problem === 'reported') continue
    const { message, hint, reference } = problem
    const at = text.indexOf(reference, start)
    findings.atOffset(
      at >= start && at < end ? at : start,
      { code: 'CONFIG_VARIABLE', message, hint },
      path,
    )
  }
}
