import { z } from 'zod'
import { ConnectionName, type ConnectionType } from './connection-name.ts'
import {
  Aggregation,
  Expression,
  FilePath,
  RegularExpression,
  Template,
  TextFile,
} from './expression.ts'
import { TableName } from './table.ts'

/**
 * The setting types that pipeline files have beyond plain YAML: each is a zod type, so that type,
 * validation, JSON Schema and reference page come from one place. None carries a zod `id`, which
 * would live in a process-wide registry.
 */

const durationUnitsMs = {
  us: 0.001,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
} as const
const durationPattern = /^(\d+(?:\.\d+)?)(us|ms|s|m|h|d)$/

/** `250ms`, `10s`, `5m`, `12h`, `7d`; milliseconds in code. */
export function duration() {
  return z
    .string()
    .regex(durationPattern, 'a duration is a number with a unit: 250ms, 10s, 5m, 12h, 7d')
    .meta({ format: 'duration', examples: ['100ms', '10s', '5m'] })
    .transform(parseDuration)
}

export function parseDuration(text: string): number {
  const [, amount = '0', unit = 'ms'] = durationPattern.exec(text) ?? []
  return Number(amount) * durationUnitsMs[unit as keyof typeof durationUnitsMs]
}

const sizeUnits = {
  B: 1,
  KB: 1_000,
  KiB: 1_024,
  MB: 1e6,
  MiB: 1_048_576,
  GB: 1e9,
  GiB: 1_073_741_824,
} as const
const sizePattern = /^(\d+(?:\.\d+)?)\s*(B|KB|KiB|MB|MiB|GB|GiB)$/

/** `512KiB`, `1MiB`; bytes in code. */
export function size() {
  return z
    .string()
    .regex(sizePattern, 'a size is a number with a unit: 512KiB, 1MiB, 2GB')
    .meta({ format: 'size', examples: ['512KiB', '1MiB'] })
    .transform((text) => {
      const [, amount = '0', unit = 'B'] = sizePattern.exec(text) ?? []
      return Math.round(Number(amount) * sizeUnits[unit as keyof typeof sizeUnits])
    })
}

/** A JavaScript expression over `value`, `key`, `headers` ...; a YAML number, boolean or null is itself. */
export function expression() {
  return z
    .union([z.string().min(1), z.number(), z.boolean(), z.null()])
    .meta({ format: 'expression', examples: ['value.amount > 0', 'upper(value.country)'] })
    .transform((source) => new Expression(String(source)))
}

/** An expression over aggregate functions, such as `sum(value.amount)` or `sum(value.a) / count()`. */
export function aggregation() {
  return z
    .string()
    .min(1)
    .meta({ format: 'aggregation', examples: ['count()', 'percentile(value.delay, 95)'] })
    .transform((source) => new Aggregation(source))
}

/** Text in which `${expression}` stands for its value: null is left out, what is no text is written as JSON. */
export function template() {
  return z
    .string()
    .min(1)
    .meta({ format: 'template', examples: ['order ${value.order_id} is in', 'users/${key}'] })
    .transform((source) => new Template(source))
}

/** A regular expression in JavaScript's syntax, without slashes and flags; it has named groups as `(?<name>...)`. */
export function pattern() {
  return z
    .string()
    .min(1)
    .meta({ format: 'pattern', examples: ['^(?<level>[A-Z]+) (?<text>.*)$'] })
    .transform((source) => new RegularExpression(source))
}

/** A path to a text file, relative to the pipeline file; its text is at hand when operators are made. */
export function textFile() {
  return z
    .string()
    .min(1)
    .meta({ format: 'file', examples: ['./order.schema.json'] })
    .transform((path) => new TextFile(path))
}

/** A path of a file or folder, relative to the pipeline file. */
export function filePath() {
  return z
    .string()
    .min(1)
    .meta({ format: 'path', examples: ['./orders.ndjson'] })
    .transform((path) => new FilePath(path))
}

/** A server of this type by its name in `connections`. */
export function connectionName<Type extends ConnectionType>(type: Type) {
  return z
    .string()
    .min(1)
    .meta({ format: 'connection', examples: ['main'] })
    .transform((name) => new ConnectionName(type, name))
}

/** A table by its name in `tables`. */
export function tableName() {
  return z
    .string()
    .min(1)
    .meta({ format: 'table', examples: ['devices'] })
    .transform((name) => new TableName(name))
}

/** Spaces inside a name are allowed: columns of real files have them. */
const fieldPattern = /^[^.\s[\]]+(?: +[^.\s[\]]+)*(?:\.[^.\s[\]]+(?: +[^.\s[\]]+)*)*$/
const refusedNames = new Set(['__proto__', 'constructor', 'prototype'])

/** The path of a field in the value, such as `country` or `address.zip`; see `parseFieldPath`. */
export function fieldPath() {
  return z
    .string()
    .regex(fieldPattern, 'a field is a name, or names with points between: country, address.zip')
    .refine(
      (text) => !text.split('.').some((name) => refusedNames.has(name)),
      'this name is not allowed',
    )
    .meta({ format: 'field', examples: ['country', 'address.zip'] })
}
