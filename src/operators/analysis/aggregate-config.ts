import { z } from 'zod'
import { aggregation, duration, expression } from '../../core/config-types.ts'
import { Expression } from '../../core/expression.ts'

const outputName = z
  .string()
  .regex(/^[^.\s[\]]+$/, 'an output field is a name without points, spaces and brackets')
  .refine((name) => !refusedNames.has(name), 'this name is not allowed')
const refusedNames = new Set(['__proto__', 'constructor', 'prototype'])

const notYet = (what: string, instead: string) => ({
  error: `${what} is not supported yet; ${instead}`,
})

const window = z.strictObject({
  tumbling: duration()
    .refine(
      (ms) => ms >= 1 && Number.isInteger(ms),
      'a window lasts whole milliseconds, at least 1ms',
    )
    .describe('Length of the windows, which follow each other without gaps, aligned to 1970 UTC.'),
  grace: duration()
    .prefault('0s')
    .describe('How much longer a window waits, in event time, for records that are out of order.'),
  hopping: z
    .never(notYet('a hopping window', 'use tumbling'))
    .optional()
    .describe('Not supported yet.'),
  session: z
    .never(notYet('a session window', 'use tumbling'))
    .optional()
    .describe('Not supported yet.'),
})

const settings = z.strictObject({
  window: window
    .optional()
    .describe('The span of event time that one result covers. Absent: totals since the beginning.'),
  by: z
    .union([
      expression(),
      z.array(expression()).min(1, 'name at least one expression'),
      z.record(outputName, expression()),
    ])
    .optional()
    .describe(
      'What makes a group; a null makes a group of its own. A list or a map of names for several. ' +
        'A field of the value keeps its name, any other expression gets one in the map form. ' +
        'Absent: one group.',
    ),
  fields: z
    .record(outputName, aggregation())
    .refine((fields) => Object.keys(fields).length > 0, 'name at least one field')
    .describe(
      'The results by name: expressions over aggregate functions. null arguments are ignored by ' +
        'all but count(). percentile takes the nearest rank: exact up to 64 values, then within ' +
        '1 %. distinct is exact up to 1,000 values, then an estimate with a standard error of ' +
        '0.8 %. top_k counts exactly while a group has at most 2,000 different values.',
    ),
  every: duration()
    .refine((ms) => ms >= 1, 'at least 1ms')
    .optional()
    .describe(
      'Running totals only: how often totals that have changed are emitted; 5s by default. ' +
        'They are also emitted when a bounded input ends.',
    ),
  emit: z
    .literal('on_close', notYet('emitting a window before it closes', 'use on_close'))
    .optional()
    .describe('Windows only: when a result is emitted. Always when its window closes, for now.'),
  at_end: z
    .enum(['close', 'keep'])
    .default('close')
    .describe(
      'Windows only: what becomes of open windows when a bounded input ends. `keep` leaves them ' +
        'open for a later run.',
    ),
})

export const aggregateConfig = settings.superRefine((config, context) => {
  const report = (path: (string | number)[], message: string) => {
    context.addIssue({ code: 'custom', path, message })
  }
  if (config.window === undefined) {
    if (config.emit !== undefined) report(['emit'], 'needs a window; running totals use every')
    if (config.at_end === 'keep') report(['at_end'], 'keep needs a window; totals are always kept')
  } else if (config.every !== undefined) {
    report(['every'], 'is for running totals only; a window is emitted when it closes')
  }
  const taken = new Map<string, string>()
  if (config.window !== undefined) {
    for (const name of windowFields) taken.set(name, 'the bounds of the window')
  }
  for (const { name, source, path } of groupings(config.by)) {
    if (name === null) report(path, `give ${source} a name: by: { name: ${source} } as a map`)
    else if (taken.has(name)) report(path, `the name ${name} is taken by ${taken.get(name)!}`)
    else taken.set(name, source)
  }
  for (const name of Object.keys(config.fields)) {
    if (taken.has(name)) report(['fields', name], `the name is taken by ${taken.get(name)!}`)
  }
})
export type AggregateConfig = z.output<typeof aggregateConfig>

export const windowFields = ['window_start', 'window_end'] as const

/** `one`: a single expression, whose value itself is the key of a result. */
export type GroupingForm = 'none' | 'one' | 'list' | 'map'

export interface Grouping {
  readonly form: GroupingForm
  readonly names: readonly string[]
  readonly expressions: readonly Expression[]
}

export function groupingOf(by: AggregateConfig['by']): Grouping {
  const all = groupings(by)
  return {
    form: formOf(by),
    names: all.map(({ name, source }) => name ?? source),
    expressions: all.map(({ expression: grouped }) => grouped),
  }
}

/** The names of a result's fields, in their order. */
export function outputNames(config: AggregateConfig): string[] {
  return [
    ...(config.window === undefined ? [] : windowFields),
    ...groupingOf(config.by).names,
    ...Object.keys(config.fields),
  ]
}

function formOf(by: AggregateConfig['by']): GroupingForm {
  if (by === undefined) return 'none'
  if (by instanceof Expression) return 'one'
  return Array.isArray(by) ? 'list' : 'map'
}

interface NamedGrouping {
  readonly name: string | null
  readonly expression: Expression
  readonly source: string
  readonly path: (string | number)[]
}

function groupings(by: AggregateConfig['by']): NamedGrouping[] {
  if (by === undefined) return []
  if (by instanceof Expression) return [named(by, nameOf(by), [])]
  if (Array.isArray(by)) return by.map((item, index) => named(item, nameOf(item), [index]))
  return Object.entries(by).map(([name, item]) => named(item, name, [name]))
}

function named(
  grouped: Expression,
  name: string | null,
  path: readonly (string | number)[],
): NamedGrouping {
  return { name, expression: grouped, source: grouped.source, path: ['by', ...path] }
}

const fieldOfValue = /^value(?:\.[\p{L}_$][\p{L}\p{N}_$]*)*\.([\p{L}_$][\p{L}\p{N}_$]*)$/u

/** `value.a.b` is `b`, `key` is `key`; null for what has no name of its own. */
function nameOf({ source }: Expression): string | null {
  const text = source.trim()
  if (text === 'key') return text
  const name = fieldOfValue.exec(text)?.[1] ?? null
  return name !== null && refusedNames.has(name) ? null : name
}
