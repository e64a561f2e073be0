import type { AggregateFunction, Pattern } from '../core/expression.ts'
import type { FunctionDefinition } from './function-definition.ts'

type ArithmeticOperator = '+' | '-' | '*' | '/' | '%' | '**'
type ComparisonOperator = '<' | '<=' | '>' | '>=' | '==' | '!=' | '===' | '!=='

/**
 * An expression after checking: the only thing that code is generated from. It holds nothing but what
 * expressions allow; every name in it was resolved, and no text in it is put into code unquoted.
 */
export type Checked =
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  /** A property of the record, such as `value`. */
  | { readonly kind: 'scope'; readonly name: string }
  /** A parameter of an arrow function, by its number in the expression. */
  | { readonly kind: 'local'; readonly index: number }
  /** The result of an aggregate call. */
  | { readonly kind: 'result'; readonly index: number }
  | { readonly kind: 'member'; readonly object: Checked; readonly name: string }
  | {
      readonly kind: 'index'
      readonly object: Checked
      readonly key: Checked
      readonly source: string
    }
  | {
      readonly kind: 'unary'
      readonly operator: '!' | '-' | '+' | 'typeof'
      readonly operand: Checked
      readonly source: string
    }
  | {
      readonly kind: 'binary'
      readonly operator: ArithmeticOperator | ComparisonOperator
      readonly left: Checked
      readonly right: Checked
      readonly source: string
    }
  | {
      readonly kind: 'logical'
      readonly operator: '&&' | '||' | '??'
      readonly left: Checked
      readonly right: Checked
    }
  | {
      readonly kind: 'conditional'
      readonly test: Checked
      readonly whenTrue: Checked
      readonly whenFalse: Checked
    }
  /** Texts between the values: one more than values. */
  | {
      readonly kind: 'template'
      readonly texts: readonly string[]
      readonly values: readonly Checked[]
      readonly source: string
    }
  | {
      readonly kind: 'array'
      readonly items: readonly { readonly spread: boolean; readonly value: Checked }[]
      readonly source: string
    }
  | { readonly kind: 'object'; readonly entries: readonly ObjectEntry[]; readonly source: string }
  | {
      readonly kind: 'call'
      readonly definition: FunctionDefinition
      readonly arguments: readonly Checked[]
    }
  | { readonly kind: 'arrow'; readonly parameters: readonly number[]; readonly body: Checked }
  | { readonly kind: 'pattern'; readonly argument: PatternArgument }

export type ObjectEntry =
  | { readonly kind: 'field'; readonly name: string; readonly value: Checked }
  | { readonly kind: 'computed'; readonly name: Checked; readonly value: Checked }
  | { readonly kind: 'spread'; readonly value: Checked }

/** A regular expression as an argument; `all` is the flag `g`. */
export class PatternArgument {
  readonly pattern: Pattern
  readonly all: boolean

  constructor(pattern: Pattern, all: boolean) {
    this.pattern = pattern
    this.all = all
  }
}

/** An aggregate call found in an aggregation; its argument runs over the record. */
export interface CheckedCall {
  readonly function: AggregateFunction
  readonly argument: Checked | null
  readonly parameters: readonly number[]
}
