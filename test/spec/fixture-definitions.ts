import { z } from 'zod'
import {
  aggregation,
  duration,
  expression,
  fieldPath,
  filePath,
  size,
  textFile,
} from '../../src/core/config-types.ts'
import type { Definitions } from '../../src/core/definitions.ts'
import { defineSink, defineSource } from '../../src/core/endpoints.ts'
import { defineListener, logLevels } from '../../src/core/hook.ts'
import { defineStateless } from '../../src/core/operator.ts'

/** Definitions in all shapes that the reader of files meets; none of them does anything. */
function operator(type: string, config: z.ZodType) {
  return defineStateless({
    type,
    kind: 'stateless',
    summary: `The step ${type}.`,
    config,
    examples: [{ title: 'none', config: {}, input: [], output: [] }],
    create: () => ({ process: (record, context) => context.emit(record) }),
  })
}

const operators = [
  operator('filter', expression()),
  operator('set', z.record(fieldPath(), expression())),
  operator('trim', z.array(fieldPath()).min(1)),
  operator('route', z.record(z.string(), expression())),
  operator('remove', z.array(fieldPath()).min(1)),
  operator('validate', z.strictObject({ schema: textFile().describe('The schema.') })),
  operator('compact', z.strictObject({ deep: z.boolean().default(false).describe('Below, too.') })),
  operator(
    'cast',
    z.record(
      fieldPath(),
      z.union([
        z.enum(['number', 'integer', 'timestamp']),
        z.strictObject({
          type: z.enum(['number', 'integer', 'timestamp']),
          empty: z.array(z.string()).optional(),
        }),
      ]),
    ),
  ),
  operator('mask', z.record(fieldPath(), z.enum(['sha256', 'redact']))),
  operator('dedupe', z.strictObject({ by: expression(), within: duration().prefault('10m') })),
  operator(
    'parse',
    z.discriminatedUnion('format', [
      z.strictObject({ format: z.literal('regex'), pattern: z.string() }),
      z.strictObject({ format: z.literal('csv'), delimiter: z.string().length(1).default(',') }),
    ]),
  ),
  operator(
    'aggregate',
    z.strictObject({
      window: z.strictObject({ tumbling: duration(), grace: duration().prefault('0s') }).optional(),
      by: z.union([expression(), z.array(expression())]),
      fields: z.record(z.string(), aggregation()),
    }),
  ),
]

function source(type: string, config: z.ZodType) {
  return defineSource({
    type,
    summary: `The source ${type}.`,
    config,
    examples: [{ title: 'none', config: {} }],
    files: () => [],
    replayable: true,
    bounded: () => true,
    create: () => ({ read: () => Promise.resolve(null), close: () => Promise.resolve() }),
  })
}

function sink(type: string, config: z.ZodType) {
  return defineSink({
    type,
    summary: `The sink ${type}.`,
    config,
    examples: [{ title: 'none', config: {} }],
    reset: () => Promise.resolve(),
    delivery: 'at_least_once',
    singleTask: () => false,
    files: () => [],
    create: () => ({
      begin: () => Promise.resolve(null),
      write: () => Promise.resolve({ memory: null, failures: [] }),
      close: () => Promise.resolve(),
    }),
  })
}

export const definitions: Definitions = {
  operators,
  sources: [
    source(
      'http',
      z.strictObject({
        path: z.string(),
        port: z.int().min(1).max(65_535),
        tls: z.boolean().optional(),
      }),
    ),
    source('file', z.strictObject({ path: filePath(), max_record: size().prefault('1MiB') })),
    source(
      'stdin',
      z.strictObject({ format: z.enum(['ndjson', 'csv', 'text']).default('ndjson') }),
    ),
  ],
  sinks: [
    sink('stdout', z.strictObject({ format: z.enum(['ndjson', 'text']).default('ndjson') })),
    sink(
      'file',
      z.strictObject({ path: filePath(), mode: z.enum(['append', 'overwrite']).default('append') }),
    ),
    sink('drop', z.strictObject({})),
  ],
  listeners: [
    defineListener({
      type: 'log',
      summary: 'Writes a line.',
      config: z.strictObject({ level: z.enum(logLevels).default('info') }),
      examples: [{ title: 'none', config: {} }],
      create: () => ({ notify: () => undefined }),
    }),
    defineListener({
      type: 'module',
      summary: 'Calls a function.',
      config: z.strictObject({ path: filePath() }),
      examples: [{ title: 'none', config: { path: './a.ts' } }],
      create: () => ({ notify: () => undefined }),
    }),
  ],
}
