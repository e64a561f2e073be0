import { PipelineError } from '../core/errors.ts'
import type { ConfigPath, PipelineSpec } from '../spec/pipeline-spec.ts'
import { outputTopics } from '../spec/stage-outputs.ts'
import type { LogKind } from './topology.ts'

export interface TopicCheck {
  /** Topics that the compiler inserted, with the stage of each. */
  readonly internal: ReadonlyMap<string, string>
  readonly log: LogKind | null
  readonly report: (path: ConfigPath, thrown: unknown) => void
}

/** Names that the file gives to its topics must not be those of internal ones, and the log must be able to keep them. */
export function checkTopics(spec: PipelineSpec, { internal, log, report }: TopicCheck): void {
  for (const [name, path] of namedTopics(spec)) {
    const stage = internal.get(name)
    if (stage === undefined) continue
    const message = `"${name}" is the name of an internal topic of the stage "${stage}"; give this one another name`
    report(path, new PipelineError('CONFIG_TOPOLOGY', message))
  }
  checkCompacted(spec, report)
  if (log !== 'embedded') return
  for (const [name, { cleanup }] of spec.topics) {
    if (cleanup !== 'compact') continue
    const message =
      '"cleanup: compact" needs Kafka: the embedded log removes records by age only; leave it out, or ' +
      'choose the Kafka log (--log kafka://HOST:PORT, MILLRACE_LOG or "log:")'
    report(['topics', name, 'cleanup'], new PipelineError('CONFIG_TOPOLOGY', message))
  }
}

/** What has no key cannot be replaced by a later record of its key: brokers refuse it. */
function checkCompacted(spec: PipelineSpec, report: TopicCheck['report']): void {
  const isCompacted = (name: string | null) =>
    name !== null && spec.topics.get(name)?.cleanup === 'compact'
  const refuse = (path: ConfigPath, what: string) =>
    report(
      path,
      new PipelineError(
        'CONFIG_TOPOLOGY',
        `a compacted topic takes records with a key only: ${what}`,
      ),
    )
  for (const stage of spec.stages) {
    const { path, source, steps, key, dlq, late } = stage
    const makesKeys = steps.some(
      ({ definition }) => definition.kind === 'stateful' && definition.project !== undefined,
    )
    if (source !== null && key === null && !makesKeys) {
      for (const output of outputTopics(stage).filter(({ topic }) => isCompacted(topic)))
        refuse(output.path, 'give the stage a "key:"')
    }
    if (isCompacted(dlq)) refuse([...path, 'dlq'], 'dead letters may have none')
    if (isCompacted(late)) refuse([...path, 'late'], 'late records may have none')
  }
}

/** Each use of a topic in the file, with its place. */
export function namedTopics(spec: PipelineSpec): (readonly [string, ConfigPath])[] {
  const declared = [...spec.topics.keys()].map((name) => [name, ['topics', name]] as const)
  const used = spec.stages.flatMap(({ path, from, dlq, late }) =>
    Object.entries({ from, dlq: [dlq], late: [late] }).flatMap(([setting, names]) =>
      names.flatMap((name) => (name === null ? [] : [[name, [...path, setting]] as const])),
    ),
  )
  const written = spec.stages.flatMap(outputTopics).map(({ topic, path }) => [topic, path] as const)
  return [...declared, ...used, ...written]
}
