import { z } from 'zod'
import { checkSetting, type CheckContext } from './check-setting.ts'
import { childOf, describeNode, nodeAt, type ConfigNode } from './config-node.ts'
import type { Explained } from './explain-issue.ts'
import type { Finding } from './findings.ts'
import { pipelineSchema, topicSettings, type PipelineFile } from './pipeline-schema.ts'
import type { PipelineSpec, StageSpec, TestSpec } from './pipeline-spec.ts'
import { buildStage, readStageComponents, type ReadOptions } from './read-stages.ts'
import { buildTest, readTestSteps } from './read-tests.ts'
import { findingForWord, type Place } from './wrong-words.ts'

const unread = z.unknown()
const frame = pipelineSchema({
  step: unread,
  source: unread,
  sink: unread,
  listeners: unread,
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
  return {
    pipeline: file.pipeline,
    description: file.description ?? null,
    namespace: file.namespace,
    log: file.log ?? null,
    topics: new Map(
      topics.map(([name, settings]) => {
        const { partitions, retention } = settings ?? defaultTopic
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
  const node = nodeAt(root, path)
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
