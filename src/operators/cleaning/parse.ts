import { isUtf8 } from 'node:buffer'
import { z } from 'zod'
import { fieldPath, pattern } from '../../core/config-types.ts'
import { messageOf, PipelineError, RecordFailure } from '../../core/errors.ts'
import { kindOf, objectValue, placeField } from '../../core/field-edit.ts'
import { type FieldPath, getField, parseFieldPath } from '../../core/field-path.ts'
import { decodeJson, type JsonObject, type JsonValue } from '../../core/json.ts'
import { defineStateless } from '../../core/operator.ts'
import type { StepRecord } from '../../core/step-record.ts'
import {
  maxFields,
  readCsv,
  readLogfmt,
  readPairs,
  readQuery,
  refusedNames,
} from './text-formats.ts'

const place = {
  field: fieldPath()
    .nullable()
    .default(null)
    .describe(
      'The field whose text is parsed. Left out, it is the text of the whole record, and `parse` is the first step of its stage.',
    ),
  into: fieldPath()
    .nullable()
    .default(null)
    .describe('With `field`: the field that gets the result; by default the same one.'),
}

const character = z.string().regex(/^[^\r\n]$/, 'one character is needed')

const settings = z
  .discriminatedUnion('format', [
    z.strictObject({ format: z.literal('json').describe('json: JSON text.'), ...place }),
    z.strictObject({
      format: z.literal('text').describe('text: the text as it is, as the field `line`.'),
      ...place,
    }),
    z.strictObject({
      format: z.literal('regex').describe('regex: text that a regular expression takes apart.'),
      pattern: pattern()
        .refine(
          ({ source }) => groupsOf(source).length > 0,
          'the pattern needs a named group: (?<name>...)',
        )
        .refine(
          ({ source }) => !groupsOf(source).some((name) => refusedNames.has(name)),
          'a group has a name that is not allowed',
        )
        .describe(
          'The regular expression; each named group becomes a field, null where it took no part.',
        ),
      ...place,
    }),
    z.strictObject({
      format: z.literal('csv').describe('csv: one row of comma-separated values.'),
      columns: z
        .array(
          z
            .string()
            .min(1)
            .refine((name) => !refusedNames.has(name), 'this name is not allowed'),
        )
        .min(1)
        .max(maxFields)
        .refine((names) => new Set(names).size === names.length, 'a column is named twice')
        .describe('The names of the columns; a row with more or fewer fails.'),
      delimiter: character
        .default(',')
        .describe('csv: what stands between two values, `,` by default.'),
      quote: character
        .default('"')
        .describe(
          'What stands around a value that has the delimiter in it; doubled, it is itself.',
        ),
      ...place,
    }),
    z.strictObject({
      format: z.literal('kv').describe('kv: pairs such as `a=1 b=2`.'),
      delimiter: z
        .string()
        .min(1)
        .default(' ')
        .describe('kv: what stands between two pairs; a space, the default, is any white space.'),
      separator: z.string().min(1).default('=').describe('What stands between name and value.'),
      ...place,
    }),
    z.strictObject({
      format: z
        .literal('logfmt')
        .describe(
          'logfmt: pairs with quotes where needed: `level=info msg="all well"`; a name alone is true.',
        ),
      ...place,
    }),
    z.strictObject({
      format: z
        .literal('query')
        .describe('query: the query of a URL; a name that comes twice gets a list.'),
      ...place,
    }),
  ])
  .refine(({ field, into }) => into === null || field !== null, '`into` goes with `field`')
type Settings = z.output<typeof settings>

export const parse = defineStateless({
  type: 'parse',
  kind: 'stateless',
  summary: 'Take text apart into fields.',
  config: z
    .union([
      z
        .enum(['json', 'text', 'kv', 'logfmt', 'query'])
        .transform((format): Settings => settings.parse({ format })),
      settings,
    ])
    .describe('The format of the text, with its options.'),
  examples: [
    {
      title: 'Lines of a log',
      config: { format: 'regex', pattern: '^(?<level>[A-Z]+) (?<text>.*)$' },
      input: ['WARN disk is filling up', 'no level here'],
      output: [{ level: 'WARN', text: 'disk is filling up' }],
    },
    {
      title: 'Rows without a header; values stay text until they are cast',
      config: { format: 'csv', columns: ['id', 'name'] },
      input: ['1,"Jansen, Ann"', '2,Bob', '3'],
      output: [
        { id: '1', name: 'Jansen, Ann' },
        { id: '2', name: 'Bob' },
      ],
    },
    {
      title: 'JSON inside a field',
      config: { format: 'json', field: 'payload', into: 'event' },
      input: [{ id: 1, payload: '{"kind":"login"}' }],
      output: [{ id: 1, payload: '{"kind":"login"}', event: { kind: 'login' } }],
    },
    {
      title: 'logfmt',
      config: 'logfmt',
      input: ['level=info msg="all well" cached'],
      output: [{ level: 'info', msg: 'all well', cached: true }],
    },
  ],
  fieldsAfter(before, config) {
    if (config.field === null) return namesOf(config)
    return before === null
      ? null
      : new Set([...before, parseFieldPath(config.into ?? config.field)[0]])
  },
  create(config) {
    const read = reader(config)
    const { field } = config
    if (field === null) {
      return {
        process(record, context) {
          record.value = read(wholeText(record))
          context.emit(record)
        },
      }
    }
    const from = parseFieldPath(field)
    const to = config.into === null ? null : parseFieldPath(config.into)
    return {
      process(record, context) {
        parseField(objectValue(record, 'parse with `field`'), { from, to, read })
        context.emit(record)
      },
    }
  },
})

/** @throws RecordFailure RECORD_PARSE */
type Reader = (text: string) => JsonValue

interface FieldStep {
  readonly from: FieldPath
  /** null for the same field. */
  readonly to: FieldPath | null
  readonly read: Reader
}

/** The names that the whole value has afterwards, where the setting tells them all. */
function namesOf(config: Settings): ReadonlySet<string> | null {
  if (config.format === 'text') return new Set(['line'])
  if (config.format === 'csv') return new Set(config.columns)
  return config.format === 'regex' ? new Set(groupsOf(config.pattern.source)) : null
}

/** Too many names rather than too few: what looks like a group may be escaped. */
function groupsOf(source: string): readonly string[] {
  return [...source.matchAll(/\(\?P?<([^>=!]+)>/g)].map(([, name = '']) => name)
}

function wholeText(record: StepRecord): string {
  const bytes = record.valueBytes
  const text = record.valueText
  if (bytes === null || text === null) throw failure('the record has no value')
  if (isUtf8(bytes)) return text
  throw new RecordFailure(
    'RECORD_DECODE',
    'the record is no UTF-8 text; set the encoding at the source',
  )
}

function parseField(object: JsonObject, step: FieldStep): void {
  const { from, to, read } = step
  const text = getField(object, from) ?? null
  if (typeof text === 'string') return placeField(object, to ?? from, read(text))
  if (text === null) {
    if (to !== null) placeField(object, to, null)
    return
  }
  const kind = kindOf(text)
  throw new RecordFailure('RECORD_TYPE', `${from.join('.')} is ${kind}, and a text is parsed`)
}

function reader(config: Settings): Reader {
  if (config.format === 'json') return readJson
  if (config.format === 'text') return (line) => ({ line })
  if (config.format === 'regex') return regexReader(config.pattern)
  if (config.format === 'csv') return (text) => readCsv(text, config)
  if (config.format === 'kv') return (text) => readPairs(text, config)
  return config.format === 'logfmt' ? readLogfmt : readQuery
}

function readJson(text: string): JsonValue {
  try {
    return decodeJson(text)
  } catch (thrown) {
    throw failure(messageOf(thrown))
  }
}

function regexReader(expression: Extract<Settings, { format: 'regex' }>['pattern']): Reader {
  const { pattern: compiled, source } = expression
  const groups = [...compiled.groupNames]
  const refused = groups.find(([name]) => refusedNames.has(name))
  if (refused !== undefined)
    throw new PipelineError('CONFIG_INVALID', `the group name ${refused[0]} is not allowed`)
  return (text) => {
    const match = compiled.exec(text)
    if (match === null) throw failure(`the text does not match ${source}`)
    const fields: JsonObject = {}
    for (const [name, number] of groups) fields[name] = match.groups[number] ?? null
    return fields
  }
}

function failure(message: string): RecordFailure {
  return new RecordFailure('RECORD_PARSE', message)
}
