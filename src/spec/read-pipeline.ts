import { z } from 'zod'
import { brokersOfUrl } from '../core/kafka-connection.ts'
import { checkSetting, type CheckContext } from './check-setting.ts'
import { childOf, describeNode, nodeAt, type ConfigNode } from './config-node.ts'
import type { Explained } from './explain-issue.ts'
import type { Finding } from './findings.ts'
import { pipelineSchema, topicSettings, type PipelineFile } from './pipeline-schema.ts'
import type { ConnectionSpec, PipelineSpec, StageSpec, TestSpec } from './pipeline-spec.ts'
import { readConnections } from './read-connections.ts'
import { buildStage, readStageComponents, type ReadOptions } from './read-stages.ts'
import { buildTest, readTestSteps } from './read-tests.ts'
import { defaultTracing, tracingSettings } from './tracing-schema.ts'
import { findingForWord, type Place } from './wrong-words.ts'

const unread = z.unknown()
const frame = pipelineSchema({
  step: unread,
  source: unread,
  sink: unread,
  listeners: unread,
  connection: unread,
  testStep: unread,
})

const defaultTopic = topicSettings().parse({})

/** Components are read even where the frame around them has errors, so that all is told at once. */
export function readPipeline(
  root: ConfigNode,
  { context, definitions }: ReadOptions,
): PipelineSpec | null {
  if (root.kind !== 'map') {
    const message = `a pipeline file is a map with "pipeline:" and "stages:", but this is ${describeNode(root)}`
    context.findings.at([], { code: 'CONFIG_INVALID', message })
    return null
  }
  ignoreNamedExtensions(root, context)
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
  const connections = readConnections(root, context)
  if (file === null) return null
  return specOf(file.value, {
    connections,
    stages: file.value.stages.map((stage, index) => {
      const path = ['stages', index]
      return buildStage(stage, { path, defaults: file.value.defaults, components: stages[index]! })
    }),
    tests: (file.value.tests ?? []).map((test, index) => {
      return buildTest(test, { path: ['tests', index], steps: tests[index]! })
    }),
  })
}

/** Any name could be a topic's or connection's, so that the schema does not know these as unknown. */
function ignoreNamedExtensions(root: ConfigNode, { ignored }: CheckContext): void {
  for (const place of ['topics', 'connections', 'tables']) {
    const named = childOf(root, place)
    if (named?.kind !== 'map') continue
    for (const [name, entry] of named.entries) {
      if (name.startsWith('x-')) ignored.add(entry)
    }
  }
}

function itemsOf(root: ConfigNode, name: string): readonly ConfigNode[] {
  const node = childOf(root, name)
  return node?.kind === 'list' ? node.items : []
}

function specOf(
  file: PipelineFile,
  parts: { connections: Map<string, ConnectionSpec>; stages: StageSpec[]; tests: TestSpec[] },
): PipelineSpec {
  const topics = Object.entries(file.topics ?? {})
  const { log = null } = file
  return {
    pipeline: file.pipeline,
    description: file.description ?? null,
    namespace: file.namespace,
    log: typeof log === 'object' && log !== null ? { connection: log.kafka } : log,
    topics: new Map(
      topics.map(([name, settings]) => {
        const { partitions, retention, cleanup, replication = null } = settings ?? defaultTopic
        // Of a compacted topic only what a later record has replaced is removed.
        const retentionMs = cleanup === 'compact' ? null : retention
        return [name, { partitions, retentionMs, cleanup, replication }]
      }),
    ),
    tables: new Map(Object.entries(file.tables ?? {})),
    tracing: file.tracing === undefined ? defaultTracing : tracingSettings(file.tracing),
    ...parts,
  }
}

function sayOfFrame({ path, unknown }: Explained, root: ConfigNode): Finding | null {
  if (unknown !== null) {
    const place = placeOf(path.slice(0, -1))
    return place === null ? null : findingForWord(unknown.key, place)
  }
  const code = 'CONFIG_INVALID'
  const node = nodeAt(root, path)
  // Other messages quote the value, in which a password may stand.
  const url = path[0] === 'log' && node?.kind === 'scalar' ? node.value : null
  if (typeof url !== 'string' || !url.includes('@')) return null
  return { code, message: String(brokersOfUrl(url)) }
}

function placeOf(path: readonly (string | number)[]): Place | null {
  if (path.length === 0) return 'pipeline'
  if (path.length === 1 && path[0] === 'defaults') return 'stage'
  if (path.length === 2) return path[0] === 'stages' ? 'stage' : path[0] === 'tests' ? 'test' : null
  return path[0] === 'stages' && path[2] === 'hooks' && path.length === 4 ? 'hook' : null
}
