import { invariant, RecordFailure } from '../../core/errors.ts'
import type { AggregateCall, BoundAggregation } from '../../core/expression.ts'
import { copyJson } from '../../core/copy-json.ts'
import { decodeJson, encodeJson, type JsonObject, type JsonValue } from '../../core/json.ts'
import type { StateCodec } from '../../core/operator.ts'
import type { Accumulator } from './accumulator.ts'
import { loadAccumulator, newAccumulator } from './accumulators.ts'
import { type AggregateConfig, type Grouping, groupingOf } from './aggregate-config.ts'
import { savedNumber } from './exact-sum.ts'
import { canonicalJson } from './plain-json.ts'
import { groupKey, type Projection } from './project-aggregate.ts'

/** What one group has gathered, in one window or since the beginning. */
export interface Group {
  readonly by: readonly JsonValue[]
  /** One per call, in the order of the fields. */
  readonly accumulators: readonly Accumulator[]
  /** The greatest event time seen, epoch ms; NaN while none is known. */
  maxTimeMs: number
  /** Whether it has changed since its result was last emitted. */
  isChanged: boolean
}

export interface GroupResult {
  readonly key: string | null
  /** Fields of the group, then those of the aggregate; null for one that could not be calculated. */
  readonly fields: JsonObject
  readonly failure: RecordFailure | null
}

interface Field {
  readonly name: string
  readonly bound: BoundAggregation
  /** Index of its first call among all calls. */
  readonly firstCall: number
}

/** A control character that no plain text begins with: what follows is JSON. */
const jsonMark = '\u0001'

/** Makes, fills, saves and reads out groups, as the setting of the step says. */
export class GroupPlan implements StateCodec<Group> {
  readonly #grouping: Grouping
  readonly #fields: readonly Field[]
  readonly #calls: readonly AggregateCall[]
  /** By call: the index of its argument in the projection; -1 for `count()`. */
  readonly #argumentOf: readonly number[]

  constructor(config: AggregateConfig) {
    this.#grouping = groupingOf(config.by)
    let firstCall = 0
    this.#fields = Object.entries(config.fields).map(([name, { bound }]) => {
      const field = { name, bound, firstCall }
      firstCall += bound.calls.length
      return field
    })
    this.#calls = this.#fields.flatMap(({ bound }) => bound.calls)
    let nextArgument = 0
    this.#argumentOf = this.#calls.map(({ argument }) => (argument === null ? -1 : nextArgument++))
  }

  create(by: readonly JsonValue[]): Group {
    return {
      by,
      accumulators: this.#calls.map(newAccumulator),
      maxTimeMs: Number.NaN,
      isChanged: false,
    }
  }

  add(group: Group, args: readonly JsonValue[], eventTimeMs: number): void {
    const { accumulators } = group
    for (let call = 0; call < accumulators.length; call++) {
      const at = this.#argumentOf[call]!
      const value = at === -1 ? true : args[at]!
      if (value !== null) accumulators[call]!.add(value, eventTimeMs)
    }
    // NaN compares as false: any time replaces it.
    if (!(eventTimeMs <= group.maxTimeMs)) {
      if (!Number.isNaN(eventTimeMs)) group.maxTimeMs = eventTimeMs
    }
  }

  result(group: Group): GroupResult {
    const fields: JsonObject = {}
    for (const [index, name] of this.#grouping.names.entries()) {
      fields[name] = copyJson(group.by[index]!)
    }
    const results = group.accumulators.map((accumulator) => accumulator.result())
    let failure: RecordFailure | null = null
    for (const { name, bound, firstCall } of this.#fields) {
      const own = results.slice(firstCall, firstCall + bound.calls.length)
      fields[name] = null
      try {
        fields[name] = bound.combine(own)
      } catch (thrown) {
        if (!(thrown instanceof RecordFailure)) throw thrown
        failure ??= new RecordFailure(thrown.code, `the field ${name}: ${thrown.message}`)
      }
    }
    return { key: groupKey(group.by, this.#grouping), fields, failure }
  }

  encode(group: Group): string {
    const { by, maxTimeMs, isChanged, accumulators } = group
    const time = Number.isNaN(maxTimeMs) ? null : maxTimeMs
    const saved = accumulators.map((accumulator) => accumulator.save())
    return encodeJson([[...by], time, isChanged, saved])
  }

  decode(text: string): Group {
    const saved = decodeJson(text)
    invariant(Array.isArray(saved) && saved.length === 4, 'a saved group has four parts')
    const [by, time, isChanged, accumulators] = saved
    invariant(Array.isArray(by), 'a saved group has by values')
    invariant(Array.isArray(accumulators), 'a saved group has accumulators')
    invariant(accumulators.length === this.#calls.length, 'a saved group has one for each call')
    return {
      by,
      accumulators: this.#calls.map((call, index) => loadAccumulator(call, accumulators[index])),
      maxTimeMs: time === null ? Number.NaN : savedNumber(time),
      isChanged: isChanged === true,
    }
  }
}

/**
 * What tells groups apart, for keys of the state: unlike the key of their results, also `1` from `'1'`
 * and null from `'null'`.
 */
export function groupText(by: readonly JsonValue[]): string {
  if (by.length === 0) return ''
  const [value] = by
  // Lone surrogates do not survive as UTF-8, but JSON writes them as escapes.
  const isPlain = by.length === 1 && typeof value === 'string' && value.isWellFormed()
  if (isPlain && !value.startsWith(jsonMark)) return value
  return jsonMark + canonicalJson(by as JsonValue[])
}

/** The projection that `process` is given, which may have come through an internal topic. */
export function projectionOf(value: JsonValue): Projection {
  const isProjection =
    Array.isArray(value) && value.length === 2 && Array.isArray(value[0]) && Array.isArray(value[1])
  if (!isProjection) {
    throw new RecordFailure('RECORD_TYPE', 'aggregate: the record is no projection of this step')
  }
  return value as Projection
}
