import { ConnectionName, type ConnectionType } from '../core/connection-name.ts'
import type { ConfigPath, PipelineSpec } from './pipeline-spec.ts'

export interface ConnectionUse {
  readonly name: string
  readonly type: ConnectionType
  readonly path: ConfigPath
}

/** The connections that sources and sinks name, each with its place. */
export function connectionsUsed({ stages }: Pick<PipelineSpec, 'stages'>): ConnectionUse[] {
  return stages.flatMap(({ source, sink }) =>
    [source, sink].flatMap((component) =>
      component === null ? [] : [...namesIn(component.config, component.path)],
    ),
  )
}

function* namesIn(config: unknown, path: ConfigPath): Generator<ConnectionUse> {
  if (config instanceof ConnectionName) yield { name: config.name, type: config.type, path }
  else if (Array.isArray(config)) {
    for (const [index, item] of config.entries()) yield* namesIn(item, [...path, index])
  } else if (typeof config === 'object' && config !== null) {
    for (const [name, item] of Object.entries(config)) yield* namesIn(item, [...path, name])
  }
}
