import type { ErrorObject, Options, ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import ajvFormats from 'ajv-formats'
import { z } from 'zod'
import { textFile } from '../../core/config-types.ts'
import { Decimal } from '../../core/decimal.ts'
import { invariant, messageOf, PipelineError, RecordFailure } from '../../core/errors.ts'
import { RegularExpression, TextFile } from '../../core/expression.ts'
import { isExactNumber, isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts'
import { defineStateless } from '../../core/operator.ts'

type Patterns = Map<string, RegularExpression>
type RegExpEngine = NonNullable<NonNullable<Options['code']>['regExp']>

/** A file that is read and checked when the pipeline is compiled, so that its faults are reported there. */
class SchemaFile extends TextFile {
  readonly #patterns: Patterns

  constructor(path: string, patterns: Patterns) {
    super(path)
    this.#patterns = patterns
  }

  override bind(text: string): void {
    super.bind(text)
    try {
      collectPatterns(this.schema, this.#patterns)
      compile(this.schema, checkingEngine)
    } catch (thrown) {
      const code = thrown instanceof SyntaxError ? 'CONFIG_FILE' : 'CONFIG_INVALID'
      throw new PipelineError(code, `${this.path} is no JSON Schema: ${messageOf(thrown)}`)
    }
  }

  get schema(): JsonObject {
    const schema = JSON.parse(this.text) as JsonValue
    if (!isJsonObject(schema)) throw new SyntaxError('an object is needed')
    return schema
  }
}

interface Config {
  readonly schema: SchemaFile | JsonObject
  /** The regular expressions of the schema; after it, because its file is read first. */
  readonly patterns: Patterns
}

const fileSchema = textFile().transform(({ path }): Config => {
  const patterns: Patterns = new Map()
  return { schema: new SchemaFile(path, patterns), patterns }
})

const inlineSchema = z
  .record(z.string(), z.unknown())
  .superRefine((schema, context) => {
    try {
      compile(schema as JsonObject, checkingEngine)
    } catch (thrown) {
      context.addIssue({ code: 'custom', message: `this is no JSON Schema: ${messageOf(thrown)}` })
    }
  })
  .transform((schema): Config => {
    const patterns: Patterns = new Map()
    collectPatterns(schema as JsonObject, patterns)
    return { schema: schema as JsonObject, patterns }
  })

export const validate = defineStateless({
  type: 'validate',
  kind: 'stateless',
  summary: 'Fail the records whose value does not follow a JSON Schema.',
  config: z
    .union([
      fileSchema,
      z
        .strictObject({
          schema: z
            .union([fileSchema, inlineSchema])
            .describe('A file with a JSON Schema (draft 2020-12), or the schema itself.'),
        })
        .transform(({ schema }) => schema),
    ])
    .describe('The schema. References reach only into the schema itself; nothing is loaded.'),
  examples: [
    {
      title: 'An amount must be there, and be positive',
      config: {
        schema: {
          type: 'object',
          required: ['amount'],
          properties: { amount: { type: 'number', exclusiveMinimum: 0 } },
        },
      },
      input: [{ amount: 3 }, { amount: -1 }, { amount: '3' }, {}],
      output: [{ amount: 3 }],
    },
    {
      title: 'Formats and patterns',
      config: {
        schema: {
          properties: {
            email: { type: 'string', format: 'email' },
            sku: { type: 'string', pattern: '^[A-Z]{2}-[0-9]+$' },
          },
        },
      },
      input: [
        { email: 'ann@example.com', sku: 'AB-1' },
        { email: 'ann', sku: 'AB-1' },
        { email: 'bob@example.com', sku: 'AB1' },
      ],
      output: [{ email: 'ann@example.com', sku: 'AB-1' }],
    },
  ],
  create({ schema, patterns }) {
    const check = compile(schema instanceof SchemaFile ? schema.schema : schema, engineOf(patterns))
    return {
      process(record, context) {
        if (check(jsonForm(record.value))) return context.emit(record)
        throw new RecordFailure('RECORD_INVALID', messageFor(check.errors?.[0]))
      },
    }
  },
})

/** @throws Error when the schema is not valid, or refers to something outside of it. */
function compile(schema: JsonObject, regExp: RegExpEngine): ValidateFunction {
  const ajv = new Ajv2020({
    strictSchema: true,
    strictTypes: false,
    strictTuples: false,
    strictRequired: false,
    // A field `toString` of the data is not the one that every object inherits.
    ownProperties: true,
    logger: false,
    code: { regExp },
  })
  ajvFormats.default(ajv)
  ajv.addVocabulary(['example', ...extensionKeywords(schema)])
  return ajv.compile(schema)
}

/**
 * Enough to see whether the schema is one, before its expressions are compiled: no data meets it.
 */
const checkingEngine: RegExpEngine = Object.assign(
  (pattern: string, flags: string) => new RegExp(pattern, flags),
  { code: 'new RegExp' },
)

/** JavaScript's own regular expressions can take for ever on a hostile text; ours cannot. */
function engineOf(patterns: Patterns): RegExpEngine {
  const engine = (source: string, flags: string) => {
    // Not of the user's schema: one of the schemas of JSON Schema itself, which the library brings.
    if (!patterns.has(source)) return new RegExp(source, flags)
    const { pattern } = patterns.get(source)!
    return { test: (text: string) => pattern.test(text), toString: () => source }
  }
  return Object.assign(engine, { code: 'linear' })
}

/** Keywords that hold schemas by name, and those that hold data. */
const schemaMaps = new Set([
  'properties',
  'patternProperties',
  '$defs',
  'definitions',
  'dependentSchemas',
])
const dataKeywords = new Set(['const', 'enum', 'default', 'examples', 'example'])

/** Calls `visit` for the schema and every schema inside it. */
function walkSchema(schema: JsonValue, visit: (schema: JsonObject) => void): void {
  if (Array.isArray(schema)) for (const item of schema) walkSchema(item, visit)
  if (!isJsonObject(schema)) return
  visit(schema)
  for (const [keyword, value] of Object.entries(schema)) {
    if (dataKeywords.has(keyword)) continue
    if (!schemaMaps.has(keyword)) walkSchema(value, visit)
    else if (isJsonObject(value)) for (const inner of Object.values(value)) walkSchema(inner, visit)
  }
}

function collectPatterns(root: JsonObject, patterns: Patterns): void {
  walkSchema(root, (schema) => {
    const { pattern = null, patternProperties = null } = schema
    const names = isJsonObject(patternProperties) ? Object.keys(patternProperties) : []
    for (const source of typeof pattern === 'string' ? [pattern, ...names] : names) {
      patterns.set(source, new RegularExpression(source))
    }
  })
}

function extensionKeywords(root: JsonObject): Iterable<string> {
  const keywords = new Set<string>()
  walkSchema(root, (schema) => {
    if (schema['$async'] !== undefined) throw new TypeError('`$async` is not supported')
    for (const keyword of Object.keys(schema)) if (keyword.startsWith('x-')) keywords.add(keyword)
  })
  return keywords
}

/** The value as the next stage will see it: times as text. The value itself where that is the same. */
function jsonForm(value: JsonValue): JsonValue {
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Decimal) return value.toString()
  if (isExactNumber(value)) return nearestNumber(value.rawJSON)
  if (Array.isArray(value)) {
    const items = value.map(jsonForm)
    return items.some((item, index) => item !== value[index]) ? items : value
  }
  let copy: JsonObject | null = null
  for (const name in value) {
    const field = value[name]!
    if (typeof field !== 'object' || field === null) continue
    const form = jsonForm(field)
    if (form === field) continue
    copy ??= { ...value }
    copy[name] = form
  }
  return copy ?? value
}

/** JSON Schema knows no infinite number; 1e400 counts as a very large one. */
function nearestNumber(text: string): number {
  return Math.min(Math.max(Number(text), -Number.MAX_VALUE), Number.MAX_VALUE)
}

const maxAllowedLength = 100

function messageFor(error: ErrorObject | undefined): string {
  invariant(error !== undefined, 'a value that does not follow its schema has an error')
  const path = error.instancePath.slice(1).split('/').map(unescapePointer).join('.')
  const params = error.params as Readonly<Record<string, unknown>>
  const named =
    params['additionalProperty'] ?? params['unevaluatedProperty'] ?? params['propertyName']
  const detail = named ?? params['allowedValues'] ?? params['allowedValue']
  const suffix =
    detail === undefined ? '' : `: ${JSON.stringify(detail).slice(0, maxAllowedLength)}`
  return `${path === '' ? 'the value' : path} ${error.message ?? 'is not valid'}${suffix}`
}

function unescapePointer(name: string): string {
  return name.replaceAll('~1', '/').replaceAll('~0', '~')
}
