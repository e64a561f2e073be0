import { z } from 'zod'
import { template } from '../core/config-types.ts'
import type { ConfigPath, StageOutputs, StageSpec } from './pipeline-spec.ts'
import { topicName } from './topic-name.ts'

/** How many topics one stage may write. */
const maxOutputs = 1_000

/** The setting `to` of a stage. */
export function outputs() {
  return z.union([topicName(), templatedTopic(), namedTopics()])
}

function templatedTopic() {
  return z
    .strictObject({
      template: template().describe('The topic of each record.'),
      allow: z
        .array(topicName())
        .min(1)
        .max(maxOutputs)
        .describe('The topics that it may give. A record with another one fails.'),
    })
    .transform(({ template: topic, allow }): StageOutputs => {
      return { kind: 'template', template: topic, allow: [...new Set(allow)] }
    })
}

const outputPattern = /^[a-z][a-z0-9_-]*$/

function namedTopics() {
  return z
    .record(
      z
        .string()
        .regex(
          outputPattern,
          'an output is named in small letters, digits, "-" and "_", and begins with a letter',
        )
        .refine(
          (name) => name !== 'template' && name !== 'allow',
          '`template` and `allow` stand together: to: { template: "TEXT", allow: [TOPIC] }',
        ),
      topicName().describe('The topic of this output.'),
    )
    .refine((topics) => Object.keys(topics).length > 0, 'name at least one output')
    .refine((topics) => Object.keys(topics).length <= maxOutputs, `name ${maxOutputs} at most`)
    .transform((topics): StageOutputs => {
      const { otherwise = null, ...named } = topics
      return { kind: 'route', topics: new Map(Object.entries(named)), otherwise }
    })
}

/** The topics that a stage names in `to`, each with its place in the file. */
export function outputTopics({
  to,
  outputs: several,
  path,
}: Pick<StageSpec, 'to' | 'outputs' | 'path'>): { topic: string; path: ConfigPath }[] {
  const at = [...path, 'to']
  if (to !== null) return [{ topic: to, path: at }]
  if (several === null) return []
  if (several.kind === 'template') {
    return several.allow.map((topic, index) => ({ topic, path: [...at, 'allow', index] }))
  }
  const named = [...several.topics].map(([name, topic]) => ({ topic, path: [...at, name] }))
  const { otherwise } = several
  return otherwise === null ? named : [...named, { topic: otherwise, path: [...at, 'otherwise'] }]
}

/** All topics that a stage reads or writes by a name that stands in the file. */
export function topicsNamedBy(stage: StageSpec): string[] {
  const { from, dlq, late } = stage
  const written = outputTopics(stage).map(({ topic }) => topic)
  return [...from, ...written, ...[dlq, late].filter((name) => name !== null)]
}
