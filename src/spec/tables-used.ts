import { TableName } from '../core/table.ts'
import type { ConfigPath, PipelineSpec } from './pipeline-spec.ts'

/** The tables that steps name, each with its place. */
export function tablesUsed({
  stages,
}: Pick<PipelineSpec, 'stages'>): { readonly name: string; readonly path: ConfigPath }[] {
  return stages
    .flatMap(({ steps }) => steps)
    .flatMap(({ config, path }) => {
      if (typeof config !== 'object' || config === null) return []
      return Object.entries(config).flatMap(([setting, value]: [string, unknown]) =>
        value instanceof TableName ? [{ name: value.name, path: [...path, setting] }] : [],
      )
    })
}
