import type { Clock } from './clock.ts'
import type { CastRule } from './conversion.ts'
import { Decimal } from './decimal.ts'
import { invariant, RecordFailure } from './errors.ts'
import type { FilePath, Template } from './expression.ts'
import { kindOf } from './field-edit.ts'
import type { HttpClient } from './http-client.ts'
import { isExactNumber, type JsonObject, type JsonValue } from './json.ts'
import type { TopicFollower } from './topic-follower.ts'

/** A table of `tables:` in a pipeline file. */
export type TableSettings = FileTableSettings | HttpTableSettings | TopicTableSettings

export interface FileTableSettings {
  readonly kind: 'file'
  readonly file: FilePath
  /** By the ending of the name where it is absent. */
  readonly format: 'csv' | 'json' | 'ndjson' | null
  readonly index: TableIndex
  readonly cast: ReadonlyMap<string, CastRule>
  /** How often it is looked at, whether it has changed. */
  readonly reloadMs: number
  readonly maxBytes: number
}

/** How rows of a table are found. */
export type TableIndex =
  | { readonly kind: 'key'; readonly column: string }
  /** One column of CIDR blocks, single addresses or numbers; or two, with the first and the last of each range. */
  | { readonly kind: 'range'; readonly columns: readonly [string] | readonly [string, string] }

export interface HttpTableSettings {
  readonly kind: 'http'
  /** The address; `key` is what is looked up, as text. */
  readonly url: Template
  readonly headers: Readonly<Record<string, string>>
  readonly ttlMs: number
  /** For keys that the peer does not have. */
  readonly missingTtlMs: number
  /** Answers that are kept. */
  readonly maxKeys: number
  readonly deadlineMs: number
  readonly maxAnswerBytes: number
}

export interface TopicTableSettings {
  readonly kind: 'topic'
  readonly topic: string
  readonly maxKeys: number
}

/** Where values are looked up. */
export interface Table {
  /**
   * At once where nothing has to be waited for.
   * @returns undefined where there is none; else what belongs to the table: who changes it copies it.
   * @throws RecordFailure RECORD_TYPE for what can be no key; PipelineError PEER_UNAVAILABLE, PEER_REJECTED
   */
  find(key: JsonValue, signal: AbortSignal): JsonValue | undefined | Promise<JsonValue | undefined>
  close(): Promise<void>
}

/** What a table works with. */
export interface TableEnvironment {
  readonly clock: Clock
  /** Writes one line to the log of the process. */
  readonly log: (level: 'info' | 'warn', message: string, facts: JsonObject) => void
  /** Absent where nothing outside is reached. */
  readonly http?: HttpClient
  /** Reads the topics of the log; absent where there is none. */
  readonly topics?: TopicFollower
}

/** Opens tables; one that is open already is shared by all who look up in it. */
export type OpenTable = (
  name: string,
  settings: TableSettings,
  environment: TableEnvironment,
) => Promise<Table>

/** A table of `tables:` by its name; bound to its settings before operators are created. */
export class TableName {
  readonly name: string
  #settings: TableSettings | null = null

  constructor(name: string) {
    this.name = name
  }

  bind(settings: TableSettings): void {
    this.#settings = settings
  }

  get settings(): TableSettings {
    invariant(this.#settings !== null, `the table ${this.name} was not bound`)
    return this.#settings
  }
}

/**
 * A key as text, the same for `7` of a record and "7" of a CSV file; null: there is nothing to look up.
 * @throws RecordFailure RECORD_TYPE for lists and objects.
 */
export function tableKey(value: JsonValue): string | null {
  if (typeof value === 'string') return value
  if (value === null) return null
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (value instanceof Decimal) return value.toString()
  if (value instanceof Date) return value.toISOString()
  if (isExactNumber(value)) return value.rawJSON
  throw new RecordFailure(
    'RECORD_TYPE',
    `a key to look up is no list and no object; it is ${kindOf(value)}`,
  )
}
