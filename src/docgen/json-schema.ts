import { z } from 'zod'
import type { Definitions } from '../core/definitions.ts'
import { componentSchemas } from '../spec/component-schema.ts'
import { pipelineSchema } from '../spec/pipeline-schema.ts'

/** The part of JSON Schema that zod writes. */
export interface JsonSchema {
  readonly [keyword: string]: unknown
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly default?: unknown
  readonly format?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly allOf?: readonly JsonSchema[]
  readonly items?: JsonSchema
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: JsonSchema | boolean
  readonly propertyNames?: JsonSchema
}

/** The JSON Schema of a setting as it is written in a file. */
export function settingSchema(config: z.ZodType): JsonSchema {
  return z.toJSONSchema(config, { io: 'input', unrepresentable: 'any' }) as JsonSchema
}

/** The JSON Schema (draft 2020-12) of pipeline files, for editors and other validators. */
export function pipelineJsonSchema(definitions: Definitions): JsonSchema {
  const { $schema, ...schema } = settingSchema(pipelineSchema(componentSchemas(definitions)))
  const finished = finish(schema)
  const named = ['topics', 'connections', 'tables'].map((name) => {
    return [name, { ...finished.properties?.[name], patternProperties: extensions }] as const
  })
  return {
    $schema,
    $id: 'urn:millrace:pipeline',
    title: 'Millrace pipeline',
    ...finished,
    properties: { ...finished.properties, ...Object.fromEntries(named) },
    $defs: { variable },
  }
}

const variable = {
  description: 'An environment variable `${NAME}`, `${NAME:-default}` or secret `${secret:NAME}`.',
  type: 'string',
  pattern: '\\$\\{(?:secret:[A-Z_][A-Z0-9_]*|[A-Z_][A-Z0-9_]*(?::-[^{}]*)?)\\}',
}
const variableRef: JsonSchema = { $ref: '#/$defs/variable' }
const extensions = { '^x-': {} }

/** Adapts a schema to how files are read: `x-...` keys are ignored, and variables stand for values. */
function finish(schema: JsonSchema): JsonSchema {
  const { description, default: fallback, ...inner } = finishInside(schema)
  const outer = {
    ...(description === undefined ? {} : { description }),
    ...(fallback === undefined ? {} : { default: fallback }),
  }
  if (inner.anyOf !== undefined) {
    const branches = inner.anyOf.some(needsVariable) ? [...inner.anyOf, variableRef] : inner.anyOf
    return { ...outer, ...inner, anyOf: branches }
  }
  return needsVariable(inner) ? { ...outer, anyOf: [inner, variableRef] } : { ...outer, ...inner }
}

function finishInside(schema: JsonSchema): JsonSchema {
  const finished: Record<string, unknown> = {}
  for (const [keyword, value] of Object.entries(schema)) {
    // Our formats are for the reference pages; `duration` means another thing to validators.
    if (keyword === 'format') continue
    // The bounds of safe integers say nothing to a reader.
    if (Math.abs(Number(value)) === Number.MAX_SAFE_INTEGER) continue
    finished[keyword] = finishKeyword(keyword, value)
  }
  if (schema.additionalProperties === false) finished['patternProperties'] = extensions
  return finished
}

function finishKeyword(keyword: string, value: unknown): unknown {
  if (keyword === 'properties') {
    const entries = Object.entries(value as Record<string, JsonSchema>)
    return Object.fromEntries(entries.map(([name, property]) => [name, finish(property)]))
  }
  if (keyword === 'anyOf' || keyword === 'oneOf' || keyword === 'allOf') {
    return (value as readonly JsonSchema[]).map(finishInside)
  }
  if (keyword === 'propertyNames') return finishInside(value as JsonSchema)
  const isSchema = typeof value === 'object' && value !== null
  if (keyword === 'items' || (keyword === 'additionalProperties' && isSchema))
    return finish(value as JsonSchema)
  return value
}

/** Whether the schema refuses the text of a variable that could stand for its value. */
function needsVariable(schema: JsonSchema): boolean {
  const types = [schema.type ?? []].flat()
  if (types.includes('string')) return schema['pattern'] !== undefined || schema.enum !== undefined
  return types.some((type) => type === 'number' || type === 'integer' || type === 'boolean')
}
