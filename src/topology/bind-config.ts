import { resolve } from 'node:path'
import { ConnectionName, type Connection } from '../core/connection-name.ts'
import {
  Aggregation,
  Expression,
  FilePath,
  RegularExpression,
  Template,
  TextFile,
} from '../core/expression.ts'
import { TableName, type TableSettings } from '../core/table.ts'
import { compileAggregation, compileExpression } from '../expressions/compile.ts'
import { compileTemplate } from '../expressions/compile-template.ts'
import { compilePattern } from '../expressions/pattern.ts'
import type { ConfigPath } from '../spec/pipeline-spec.ts'

export interface BindEnvironment {
  /** Folder of the pipeline file. */
  readonly folder: string
  readonly readText: (absolutePath: string) => string
  /** Called for what cannot be bound, with the place in the setting; binding goes on. */
  readonly report: (path: ConfigPath, thrown: unknown) => void
  /** What expressions start with; properties of a record if left out. */
  readonly scope?: readonly string[]
  /** Absent, or null for a connection: it is left unbound, as nothing will be opened. */
  readonly connection?: (name: string) => Connection | null
  /** Absent, or undefined for a table: there is none of this name, which has been reported. */
  readonly table?: (name: string) => TableSettings | undefined
}

/** Binds every expression, path and file inside a parsed setting, however deep it lies. */
export function bindConfig(config: unknown, path: ConfigPath, environment: BindEnvironment): void {
  try {
    const { scope } = environment
    const scoped = scope === undefined ? {} : { scope }
    if (config instanceof Expression) config.bind(compileExpression(config.source, scoped))
    else if (config instanceof Aggregation) config.bind(compileAggregation(config.source))
    else if (config instanceof Template) config.bind(compileTemplate(config.source, scoped))
    else if (config instanceof RegularExpression) config.bind(compilePattern(config.source, ''))
    else if (config instanceof FilePath) config.bind(resolve(environment.folder, config.source))
    else if (config instanceof TextFile) {
      config.bind(environment.readText(resolve(environment.folder, config.path)))
    } else if (config instanceof TableName) {
      const settings = environment.table?.(config.name)
      if (settings !== undefined) config.bind(settings)
    } else if (config instanceof ConnectionName) {
      const connection = environment.connection?.(config.name) ?? null
      // Another type has been reported, by the check of the file.
      if (connection !== null && connection.type === config.type) config.bind(connection.settings)
    } else if (Array.isArray(config)) {
      for (const [index, item] of config.entries()) bindConfig(item, [...path, index], environment)
    } else if (config instanceof Map) {
      for (const [name, item] of config) bindConfig(item, [...path, String(name)], environment)
    } else if (typeof config === 'object' && config !== null) {
      for (const [name, item] of Object.entries(config))
        bindConfig(item, [...path, name], environment)
    }
  } catch (thrown) {
    environment.report(path, thrown)
  }
}
