import type * as acorn from 'acorn'
import { didYouMean } from '../core/nearest-name.ts'
import { type AggregateFunction, aggregateFunctions } from '../core/expression.ts'
import type { Checked, CheckedCall, ObjectEntry } from './checked.ts'
import { checkAggregateParameters } from './aggregate-parameters.ts'
import { checkArguments } from './check-arguments.ts'
import { ExpressionError } from './expression-error.ts'
import { functionsByName } from './functions.ts'
import { maxSourceDepth } from './limits.ts'
import { functionNameOf } from './method-names.ts'
import { arithmeticOperators, comparisonOperators, refusedNodes } from './refused-nodes.ts'
import { refusedNames } from './values.ts'

/** Characters of an operation's text that a message repeats. */
const maxQuotedSource = 80

export interface CheckOptions {
  readonly source: string
  /** Names that an expression may start with. */
  readonly scope: readonly string[]
  /** Whether aggregate functions may be called; record fields then stand in their arguments only. */
  readonly aggregates: boolean
}

/**
 * Turns a parsed expression into a checked one, by a list of what is allowed: everything that it does
 * not know is refused, with its place.
 */
export class Checker {
  /** Aggregate calls found, without repetitions. */
  readonly calls: CheckedCall[] = []
  readonly #options: CheckOptions
  readonly #callSources: string[] = []
  readonly #locals: { readonly name: string; readonly index: number }[] = []
  #localCount = 0
  #depth = 0
  #inAggregate = false

  constructor(options: CheckOptions) {
    this.#options = options
  }

  /** @throws ExpressionError */
  check(node: acorn.Expression): Checked {
    this.#depth += 1
    if (this.#depth > maxSourceDepth)
      this.#refuse(`an expression nests at most ${maxSourceDepth} levels`, node)
    const checked = this.#checkNode(node)
    this.#depth -= 1
    return checked
  }

  #checkNode(node: acorn.Expression): Checked {
    switch (node.type) {
      case 'Literal':
        return this.#literal(node)
      case 'Identifier':
        return this.#identifier(node)
      case 'TemplateLiteral':
        return this.#template(node)
      case 'ArrayExpression':
        return this.#array(node)
      case 'ObjectExpression':
        return this.#object(node)
      case 'ChainExpression':
        // Every access goes through null here, so `?.` says nothing more than a point.
        return this.#checkNode(node.expression)
      case 'MemberExpression':
        return this.#member(node)
      case 'UnaryExpression':
        return this.#unary(node)
      case 'BinaryExpression':
        return this.#binary(node)
      case 'LogicalExpression':
        return {
          kind: 'logical',
          operator: node.operator,
          left: this.check(node.left),
          right: this.check(node.right),
        }
      case 'ConditionalExpression':
        return {
          kind: 'conditional',
          test: this.check(node.test),
          whenTrue: this.check(node.consequent),
          whenFalse: this.check(node.alternate),
        }
      case 'CallExpression':
        return this.#call(node)
      default:
        return this.#refuse(
          refusedNodes[node.type] ?? `${node.type} is not allowed in expressions`,
          node,
        )
    }
  }

  #literal(node: acorn.Literal): Checked {
    if (node.regex !== undefined) {
      return this.#refuse(
        'a regular expression stands only where a function takes one, as in matches(text, /a+/)',
        node,
      )
    }
    if (typeof node.value === 'number' && !Number.isFinite(node.value))
      return this.#refuse('this number is too large', node)
    const value = node.value
    if (
      value === null ||
      typeof value === 'string' ||
      typeof value === 'number' ||
      typeof value === 'boolean'
    ) {
      return { kind: 'literal', value }
    }
    return this.#refuse('numbers with the suffix n are not allowed', node)
  }

  #identifier(node: acorn.Identifier): Checked {
    const { name } = node
    const local = this.#locals.findLast((at) => at.name === name)
    if (local !== undefined) return { kind: 'local', index: local.index }
    const inScope = this.#options.scope.includes(name)
    if (inScope && this.#options.aggregates && !this.#inAggregate) {
      return this.#refuse(
        `${name} is not known here: put it into an aggregate function, such as last(${name})`,
        node,
      )
    }
    if (inScope) return { kind: 'scope', name }
    if (functionsByName.has(name))
      return this.#refuse(
        `${name} is a function: call it, as in ${functionsByName.get(name)!.signature}`,
        node,
      )
    if (name === 'undefined')
      return this.#refuse('there is no undefined here: what is missing is null', node)
    const known = [...this.#locals.map((at) => at.name), ...this.#options.scope]
    return this.#refuse(
      `unknown name "${name}"${didYouMean(name, known)}; known names: ${known.join(', ')}`,
      node,
    )
  }

  #template(node: acorn.TemplateLiteral): Checked {
    const texts = node.quasis.map(({ value }) => value.cooked ?? '')
    const values = node.expressions.map((part) => this.check(part))
    return { kind: 'template', texts, values, source: this.#textOf(node) }
  }

  #array(node: acorn.ArrayExpression): Checked {
    const items = node.elements.map((element) => {
      if (element === null) return this.#refuse('a list has no empty places: write null', node)
      if (element.type !== 'SpreadElement') return { spread: false, value: this.check(element) }
      return { spread: true, value: this.check(element.argument) }
    })
    return { kind: 'array', items, source: this.#textOf(node) }
  }

  #object(node: acorn.ObjectExpression): Checked {
    const entries = node.properties.map((property): ObjectEntry => {
      if (property.type === 'SpreadElement')
        return { kind: 'spread', value: this.check(property.argument) }
      if (property.kind !== 'init' || property.method) {
        return this.#refuse('an object holds data only, no functions', property)
      }
      const value = this.check(property.value)
      if (property.computed) {
        const name = this.check(property.key)
        return name.kind === 'literal' && typeof name.value === 'string'
          ? { kind: 'field', name: this.#allowedName(name.value, property.key), value }
          : { kind: 'computed', name, value }
      }
      return { kind: 'field', name: this.#propertyName(property.key), value }
    })
    return { kind: 'object', entries, source: this.#textOf(node) }
  }

  #propertyName(key: acorn.Expression | acorn.PrivateIdentifier): string {
    if (key.type === 'Identifier') return this.#allowedName(key.name, key)
    if (
      key.type === 'Literal' &&
      (typeof key.value === 'string' || typeof key.value === 'number')
    ) {
      return this.#allowedName(String(key.value), key)
    }
    return this.#refuse('this is no name of a field', key)
  }

  #member(node: acorn.MemberExpression): Checked {
    if (node.object.type === 'Super') return this.#refuse('super is not allowed', node.object)
    const object = this.check(node.object)
    if (!node.computed) {
      if (node.property.type !== 'Identifier')
        return this.#refuse('private names are not allowed', node.property)
      return { kind: 'member', object, name: this.#allowedName(node.property.name, node.property) }
    }
    if (node.property.type === 'PrivateIdentifier')
      return this.#refuse('private names are not allowed', node.property)
    const key = this.check(node.property)
    if (key.kind === 'literal' && typeof key.value === 'string') {
      return { kind: 'member', object, name: this.#allowedName(key.value, node.property) }
    }
    return { kind: 'index', object, key, source: this.#textOf(node) }
  }

  #allowedName(name: string, node: acorn.Node): string {
    return refusedNames.has(name)
      ? this.#refuse(`the field name ${name} is not allowed`, node)
      : name
  }

  #unary(node: acorn.UnaryExpression): Checked {
    const { operator } = node
    if (operator !== '!' && operator !== '-' && operator !== '+' && operator !== 'typeof') {
      return this.#refuse(`the operator ${operator} is not allowed`, node)
    }
    const operand = this.check(node.argument)
    if (operator === '-' && operand.kind === 'literal' && typeof operand.value === 'number') {
      return { kind: 'literal', value: -operand.value }
    }
    return { kind: 'unary', operator, operand, source: this.#textOf(node) }
  }

  #binary(node: acorn.BinaryExpression): Checked {
    const operator = [...arithmeticOperators, ...comparisonOperators].find(
      (known) => known === node.operator,
    )
    if (operator === undefined)
      return this.#refuse(`the operator ${node.operator} is not allowed`, node)
    if (node.left.type === 'PrivateIdentifier')
      return this.#refuse('private names are not allowed', node.left)
    return {
      kind: 'binary',
      operator,
      left: this.check(node.left),
      right: this.check(node.right),
      source: this.#textOf(node),
    }
  }

  #call(node: acorn.CallExpression): Checked {
    const { callee } = node
    if (
      callee.type === 'MemberExpression' &&
      !callee.computed &&
      callee.property.type === 'Identifier'
    ) {
      return this.#refuse(this.#methodHint(callee.property.name), callee.property)
    }
    if (callee.type !== 'Identifier')
      return this.#refuse('only functions by their name can be called', callee)
    const { name } = callee
    const aggregate = aggregateFunctions.find((known) => known === name)
    if (aggregate !== undefined && this.#options.aggregates && !this.#inAggregate)
      return this.#aggregate(aggregate, node)
    const definition = functionsByName.get(name)
    if (definition !== undefined) {
      return {
        kind: 'call',
        definition,
        arguments: checkArguments(definition, node, {
          check: (part) => this.check(part),
          arrow: (part) => this.#arrow(part),
        }),
      }
    }
    if (aggregate !== undefined) {
      const why = this.#inAggregate
        ? 'cannot stand inside another one'
        : 'stands only in the `fields` of an aggregate step'
      return this.#refuse(`the aggregate function ${name} ${why}`, callee)
    }
    const known = [
      ...functionsByName.keys(),
      ...(this.#options.aggregates ? aggregateFunctions : []),
    ]
    const javascript = functionsByName.get(functionNameOf(name))
    const hint =
      javascript === undefined ? didYouMean(name, known) : `; write ${javascript.signature}`
    return this.#refuse(`unknown function "${name}"${hint}`, callee)
  }

  #methodHint(method: string): string {
    const definition = functionsByName.get(functionNameOf(method))
    if (definition === undefined)
      return `methods cannot be called, and there is no function ${method}`
    return `methods cannot be called: write ${definition.signature}`
  }

  #arrow(node: acorn.ArrowFunctionExpression): Checked {
    if (node.async) return this.#refuse('a function cannot be async', node)
    if (node.body.type === 'BlockStatement')
      return this.#refuse('a function is one expression, without { }', node.body)
    const outer = this.#locals.length
    const parameters = node.params.map((parameter) => {
      if (parameter.type !== 'Identifier')
        return this.#refuse('a parameter is a plain name', parameter)
      const local = { name: parameter.name, index: this.#localCount++ }
      this.#locals.push(local)
      return local.index
    })
    const body = this.check(node.body)
    this.#locals.length = outer
    return { kind: 'arrow', parameters, body }
  }

  #aggregate(name: AggregateFunction, node: acorn.CallExpression): Checked {
    const { argument, parameters } = checkAggregateParameters(name, node)
    const callSource = `${name} ${argument === null ? '' : this.#options.source.slice(argument.start, argument.end)} ${parameters.join()}`
    const known = this.#callSources.indexOf(callSource)
    if (known !== -1) return { kind: 'result', index: known }
    this.calls.push({
      function: name,
      argument: argument === null ? null : this.#aggregateArgument(argument),
      parameters,
    })
    return { kind: 'result', index: this.#callSources.push(callSource) - 1 }
  }

  /** The argument is an expression of its own, over the record: it sees no parameter around the call. */
  #aggregateArgument(node: acorn.Expression): Checked {
    const around = this.#locals.splice(0)
    this.#inAggregate = true
    const checked = this.check(node)
    this.#inAggregate = false
    this.#locals.push(...around)
    return checked
  }

  #textOf(node: acorn.Node): string {
    const text = this.#options.source.slice(node.start, node.end).replaceAll(/\s+/g, ' ')
    return text.length <= maxQuotedSource ? text : `${text.slice(0, maxQuotedSource)}...`
  }

  #refuse(message: string, node: acorn.Node): never {
    throw new ExpressionError(message, node.start)
  }
}
