import { Decimal } from '../../core/decimal.ts'
import { RecordFailure } from '../../core/errors.ts'
import type { AggregateCall, AggregateFunction, Evaluate } from '../../core/expression.ts'
import { isExactNumber, type JsonObject, type JsonValue } from '../../core/json.ts'
import type { OperatorContext, StatelessOperator } from '../../core/operator.ts'
import type { StepRecord } from '../../core/step-record.ts'
import { type AggregateConfig, type Grouping, groupingOf } from './aggregate-config.ts'
import { maxSummand } from './exact-sum.ts'
import { taggedDecimal } from './tagged-decimal.ts'
import { canonicalJson, isoTime, plainJson } from './plain-json.ts'
import { isWindowable } from './window.ts'

/** The `by` values, and the arguments of the calls that have one, all of them plain JSON. */
export type Projection = [by: JsonValue[], args: JsonValue[]]

interface Argument {
  readonly evaluate: Evaluate
  readonly function: AggregateFunction
  /** For messages: `the field p95 (percentile(value.delay, 95))`. */
  readonly place: string
}

/** Evaluates all that an aggregate reads of a record, and checks it: later, nothing can fail on it. */
export class AggregateProjection implements StatelessOperator {
  readonly #grouping: Grouping
  readonly #by: readonly Evaluate[]
  readonly #arguments: readonly Argument[]
  readonly #windowMs: number | null
  readonly #keyIsGroup: boolean

  constructor(config: AggregateConfig) {
    this.#grouping = groupingOf(config.by)
    this.#by = this.#grouping.expressions.map(({ evaluate }) => evaluate)
    this.#arguments = Object.entries(config.fields).flatMap(([name, { bound, source }]) =>
      bound.calls.flatMap((call) => argumentOf(call, `the field ${name} (${source})`)),
    )
    this.#windowMs = config.window?.tumbling ?? null
    this.#keyIsGroup = isGroupedByKey(config)
  }

  process(record: StepRecord, context: OperatorContext): void {
    if (this.#windowMs !== null) requireWindow(record.eventTimeMs, this.#windowMs)
    const by: JsonValue[] = []
    for (const evaluate of this.#by) by.push(grouped(evaluate(record)))
    if (this.#keyIsGroup && by[0] === null) {
      throw new RecordFailure(
        'RECORD_TYPE',
        'aggregate by key: the record has no key; set key: in the stage that writes the topic',
      )
    }
    const args: JsonValue[] = []
    for (const argument of this.#arguments) args.push(checked(argument.evaluate(record), argument))
    record.value = [by, args] satisfies Projection
    record.madeKey = groupKey(by, this.#grouping) ?? (by.length === 0 ? '' : 'null')
    context.emit(record)
  }
}

/** Then records of a group lie together as they are, but only those with a key: the others are refused. */
export function isGroupedByKey({ by }: AggregateConfig): boolean {
  const { form, expressions } = groupingOf(by)
  return form === 'one' && expressions[0]!.source.trim() === 'key'
}

/** The record key of a group's results: null for the one group there is without `by`, and for null. */
export function groupKey(by: readonly JsonValue[], { form, names }: Grouping): string | null {
  if (form === 'none') return null
  if (form === 'list') return canonicalJson(by as JsonValue[])
  if (form === 'map') {
    const values: JsonObject = {}
    for (const [index, name] of names.entries()) values[name] = by[index]!
    return canonicalJson(values)
  }
  const [value = null] = by
  if (value === null || typeof value === 'string') return value
  return canonicalJson(value)
}

function requireWindow(eventTimeMs: number, windowMs: number): void {
  if (isWindowable(eventTimeMs, windowMs)) return
  const problem = Number.isNaN(eventTimeMs)
    ? 'the record has no event time, which its window needs'
    : `no window holds the event time ${eventTimeMs} ms`
  throw new RecordFailure('RECORD_EVENT_TIME', `aggregate: ${problem}`)
}

function argumentOf({ argument, function: name }: AggregateCall, place: string): Argument[] {
  return argument === null ? [] : [{ evaluate: argument, function: name, place }]
}

/** Text, by far the most frequent, is what it is. */
function grouped(value: JsonValue): JsonValue {
  return typeof value === 'string' ? value : plainJson(value)
}

function checked(value: JsonValue, argument: Argument): JsonValue {
  if (value === null) return null
  switch (argument.function) {
    case 'count':
      if (typeof value === 'boolean') return value
      throw wrongType(value, argument, 'a condition, such as count(value.x != null)')
    case 'sum':
    case 'avg':
      return value instanceof Decimal ? decimal(value, argument) : summable(value, argument)
    case 'percentile':
      return summable(value instanceof Decimal ? Decimal.toNumber(value) : value, argument)
    case 'min':
    case 'max':
      return comparable(value, argument)
    default:
      return plainJson(value)
  }
}

function summable(value: JsonValue, argument: Argument): number {
  if (typeof value !== 'number') throw wrongType(value, argument, 'a number')
  if (Math.abs(value) <= maxSummand) return value
  throw new RecordFailure(
    'RECORD_NUMBER',
    `aggregate: ${argument.place}: a number above ${maxSummand} cannot be calculated with`,
  )
}

/** Sums of as many as there can ever be have no more digits than decimals may have. */
const maxSummedDigits = 400

function decimal(value: Decimal, { place }: Argument): JsonValue {
  if (value.toString().length <= maxSummedDigits) return taggedDecimal(value)
  throw new RecordFailure(
    'RECORD_NUMBER',
    `aggregate: ${place}: a decimal of more than ${maxSummedDigits} digits cannot be calculated with`,
  )
}

/** Text of four-digit years only: with those, the order of the texts is the order of the times. */
const sortableYears = /^\d{4}-/

function comparable(value: JsonValue, argument: Argument): JsonValue {
  if (value instanceof Decimal) return decimal(value, argument)
  if (typeof value === 'string') return value
  if (typeof value === 'number') return plainJson(value)
  if (!(value instanceof Date)) throw wrongType(value, argument, 'a number, a text or a time')
  const text = isoTime(value)
  if (text === null || sortableYears.test(text)) return text
  throw new RecordFailure(
    'RECORD_TYPE',
    `aggregate: ${argument.place}: a time outside the years 0 to 9999 cannot be compared`,
  )
}

function wrongType(value: JsonValue, { place }: Argument, needed: string): RecordFailure {
  if (isExactNumber(value)) {
    return new RecordFailure(
      'RECORD_NUMBER',
      `aggregate: ${place}: the number has more digits than can be calculated with exactly`,
    )
  }
  return new RecordFailure(
    'RECORD_TYPE',
    `aggregate: ${place} needs ${needed}; this is ${nameOfType(value)}. Cast the field before.`,
  )
}

function nameOfType(value: JsonValue): string {
  if (typeof value === 'string') return 'a text'
  if (typeof value === 'number') return 'a number'
  if (typeof value === 'boolean') return 'true or false'
  if (value instanceof Date) return 'a time'
  return Array.isArray(value) ? 'a list' : 'an object'
}
