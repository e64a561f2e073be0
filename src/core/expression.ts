import { invariant } from './errors.ts'
import type { JsonValue } from './json.ts'
import type { StepRecord } from './step-record.ts'

/** @throws RecordFailure when the expression cannot be evaluated on this record. */
export type Evaluate = (record: StepRecord) => JsonValue

/**
 * An expression of a pipeline file. Definitions hold it as source; the compiler of the topology
 * binds the compiled function before any operator is created.
 */
export class Expression {
  readonly source: string
  #evaluate: Evaluate | null = null

  constructor(source: string) {
    this.source = source
  }

  bind(evaluate: Evaluate): void {
    this.#evaluate = evaluate
  }

  /** The compiled function itself, for hot paths: fetch it once in `create`. */
  get evaluate(): Evaluate {
    invariant(this.#evaluate !== null, `the expression ${this.source} was not compiled`)
    return this.#evaluate
  }
}

export type AggregateFunction = (typeof aggregateFunctions)[number]
export const aggregateFunctions = [
  'count',
  'sum',
  'avg',
  'min',
  'max',
  'distinct',
  'percentile',
  'first',
  'last',
  'top_k',
] as const

/** One call of an aggregate function inside an aggregated field, such as `percentile(value.delay, 95)`. */
export interface AggregateCall {
  readonly function: AggregateFunction
  /** The per-record argument; null for `count()`. */
  readonly argument: Evaluate | null
  /** Literal parameters after the argument: the percentile, the k of `top_k`. */
  readonly parameters: readonly number[]
}

export interface BoundAggregation {
  readonly calls: readonly AggregateCall[]
  /** Combines the results of `calls`, in their order, into the field's value. */
  readonly combine: (results: readonly JsonValue[]) => JsonValue
}

/** An expression over aggregate functions, such as `count(value.late) / count()`. Bound like `Expression`. */
export class Aggregation {
  readonly source: string
  #bound: BoundAggregation | null = null

  constructor(source: string) {
    this.source = source
  }

  bind(bound: BoundAggregation): void {
    this.#bound = bound
  }

  get bound(): BoundAggregation {
    invariant(this.#bound !== null, `the aggregation ${this.source} was not compiled`)
    return this.#bound
  }
}

/** @throws RecordFailure when an expression in the text cannot be evaluated on this record. */
export type Render = (record: StepRecord) => string

export interface BoundTemplate {
  readonly render: Render
  /** The text, where it is the same for all records. */
  readonly constant: string | null
  readonly expressions: readonly Expression[]
}

/** Text of a pipeline file with `${expression}` in it. Bound like `Expression`. */
export class Template {
  readonly source: string
  #bound: BoundTemplate | null = null

  constructor(source: string) {
    this.source = source
  }

  bind(bound: BoundTemplate): void {
    this.#bound = bound
  }

  /** Those in the text; none where it was not compiled. */
  get expressions(): readonly Expression[] {
    return this.#bound?.expressions ?? []
  }

  /** What is null becomes nothing, text itself, anything else JSON. */
  get render(): Render {
    invariant(this.#bound !== null, `the template ${this.source} was not compiled`)
    return this.#bound.render
  }

  get constant(): string | null {
    invariant(this.#bound !== null, `the template ${this.source} was not compiled`)
    return this.#bound.constant
  }
}

/** A path of a pipeline file; relative ones are bound to the folder of that file. */
export class FilePath {
  readonly source: string
  #absolute: string | null = null

  constructor(source: string) {
    this.source = source
  }

  bind(absolute: string): void {
    this.#absolute = absolute
  }

  get absolute(): string {
    invariant(this.#absolute !== null, `the path ${this.source} was not resolved`)
    return this.#absolute
  }
}

/** A text file named by a pipeline file; its text is read before operators are created. */
export class TextFile {
  readonly path: string
  #text: string | null = null

  constructor(path: string) {
    this.path = path
  }

  bind(text: string): void {
    this.#text = text
  }

  get text(): string {
    invariant(this.#text !== null, `the file ${this.path} was not read`)
    return this.#text
  }
}

export interface PatternMatch {
  /** Index of the match in the text, and of the first character after it. */
  readonly index: number
  readonly end: number
  /** The whole match, then the groups by number; null for a group that took no part. */
  readonly groups: readonly (string | null)[]
}

/** A regular expression that takes time linear in the text, whatever the text is. */
export interface Pattern {
  /** The names of named groups with their numbers. */
  readonly groupNames: ReadonlyMap<string, number>
  /** Whether a search may look at text again that an earlier search of the same text has looked at. */
  readonly rescans: boolean
  test(text: string): boolean
  /** The first match at or after `from` (default 0). */
  exec(text: string, from?: number): PatternMatch | null
  /**
   * @param replacement with `$1`, `$<name>`, `$&` and `$$` as in JavaScript.
   * @throws RecordFailure RECORD_EXPRESSION when the result is larger than expressions may make.
   */
  replace(text: string, replacement: string, all: boolean): string
}

/** A regular expression of a pipeline file. Bound like `Expression`. */
export class RegularExpression {
  readonly source: string
  #pattern: Pattern | null = null

  constructor(source: string) {
    this.source = source
  }

  bind(pattern: Pattern): void {
    this.#pattern = pattern
  }

  get pattern(): Pattern {
    invariant(this.#pattern !== null, `the regular expression ${this.source} was not compiled`)
    return this.#pattern
  }
}
