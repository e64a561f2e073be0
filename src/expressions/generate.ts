import { Decimal } from '../core/decimal.ts'
import type { Checked, ObjectEntry } from './checked.ts'
import { fuel, spend } from './fuel.ts'
import { fuelPerEvaluation } from './limits.ts'
import { measured } from './measure.ts'
import * as operations from './operations.ts'
import { orNull } from './or-null.ts'

/** Nodes of an arrow function's body that cost one unit of fuel on each call. */
const nodesPerFuel = 16

interface GeneratedCode {
  /** The body of a function of `constants` that returns the function of the record. */
  readonly body: string
  readonly constants: readonly unknown[]
}

export interface GenerateOptions {
  /** Arithmetic with null and division by zero give null instead of failing. */
  readonly nullForFailure: boolean
}

/** Names that some built-in prototype has: read from data, they may give a method, which is no data. */
const inheritedNames: ReadonlySet<string> = new Set(
  [Object, Array, String, Number, Boolean, Date, Decimal].flatMap(({ prototype }) =>
    Object.getOwnPropertyNames(prototype),
  ),
)

/**
 * Generates JavaScript from a checked expression. Each member access is an access of its own in the
 * code, so that the engine optimizes each for the objects that it sees; texts of the source get into
 * the code as JSON strings or as constants only.
 */
export function generate(checked: Checked, options: GenerateOptions): GeneratedCode {
  return new Generator(options).generate(checked)
}

class Generator {
  readonly #options: GenerateOptions
  readonly #constants: unknown[] = []
  /** Nodes generated so far, to weigh the bodies of arrow functions. */
  #nodes = 0

  constructor(options: GenerateOptions) {
    this.#options = options
  }

  generate(checked: Checked): GeneratedCode {
    const value = this.#code(checked)
    const result = mayMakeParts(checked) ? `${this.#constant(measured)}(${value})` : value
    const fuelName = this.#constant(fuel)
    const names = this.#constants.map((_, index) => `k${index} = constants[${index}]`)
    const body = [
      '"use strict"',
      `const ${names.join(', ')}`,
      'return function evaluate(r) {',
      `  ${fuelName}.left = ${fuelPerEvaluation}`,
      `  return ${result}`,
      '}',
    ].join('\n')
    return { body, constants: this.#constants }
  }

  /** Code that never gives undefined. */
  #code(node: Checked): string {
    this.#nodes += 1
    switch (node.kind) {
      case 'literal':
        return literalCode(node.value)
      case 'scope':
      case 'member':
        return this.#readCode(node)
      case 'local':
        return `a${node.index}`
      case 'result':
        return `(r[${node.index}] ?? null)`
      case 'index':
        return this.#call(operations.member, [
          this.#code(node.object),
          this.#code(node.key),
          this.#text(node.source),
        ])
      case 'unary':
        return this.#unary(node)
      case 'binary':
        return this.#binary(node)
      case 'logical':
        return `(${this.#code(node.left)} ${node.operator} ${this.#code(node.right)})`
      case 'conditional':
        return `(${this.#code(node.test)} ? ${this.#code(node.whenTrue)} : ${this.#code(node.whenFalse)})`
      case 'template':
        return this.#template(node)
      case 'array':
        return this.#array(node)
      case 'object':
        return `({${node.entries.map((entry) => this.#entry(entry, node.source)).join(', ')}})`
      case 'call':
        return this.#functionCall(node)
      case 'arrow':
        return this.#arrow(node)
      case 'pattern':
        return this.#constant(node.argument)
    }
  }

  #readCode(node: Checked & { readonly kind: 'scope' | 'member' }): string {
    if (node.kind === 'scope') return `(r[${JSON.stringify(node.name)}] ?? null)`
    if (node.name === 'rawJSON')
      return this.#call(operations.rawJsonField, [this.#code(node.object)])
    if (isMethodName(node.name)) return this.#call(operations.dataOnly, [this.#accessCode(node)])
    return `(${this.#accessCode(node)} ?? null)`
  }

  /** A chain of accesses in one, undefined where something on the way is missing. */
  #accessCode(node: Checked): string {
    if (node.kind === 'scope') return `r[${JSON.stringify(node.name)}]`
    if (node.kind !== 'member') return this.#code(node)
    const { object, name } = node
    const isPlain =
      object.kind === 'member' && object.name !== 'rawJSON' && !isMethodName(object.name)
    const objectCode =
      isPlain || object.kind === 'scope' ? this.#accessCode(object) : this.#code(object)
    return `${objectCode}?.[${JSON.stringify(name)}]`
  }

  #unary(node: Checked & { readonly kind: 'unary' }): string {
    const operand = this.#code(node.operand)
    if (node.operator === '!') return `(!${operand})`
    if (node.operator === 'typeof') return this.#call(operations.typeOf, [operand])
    const operation = node.operator === '-' ? operations.negate : operations.toNumber
    return this.#call(this.#tolerant(operation), [operand, this.#text(node.source)])
  }

  #binary(node: Checked & { readonly kind: 'binary' }): string {
    const operation = operationsByOperator[node.operator]
    // Whether something is null is the most frequent question, and needs no call.
    if (operation.equality !== null && (isNull(node.left) || isNull(node.right))) {
      return `(${this.#code(node.left)} ${operation.equality} ${this.#code(node.right)})`
    }
    const codes = [this.#code(node.left), this.#code(node.right)]
    if (operation.equality !== null) return this.#call(operation.run, codes)
    return this.#call(this.#tolerant(operation.run), [...codes, this.#text(node.source)])
  }

  #template(node: Checked & { readonly kind: 'template' }): string {
    let code = JSON.stringify(node.texts[0])
    for (const [index, value] of node.values.entries()) {
      code = this.#call(operations.concatenate, [code, this.#code(value), this.#text(node.source)])
      const text = node.texts[index + 1]!
      if (text !== '')
        code = this.#call(operations.concatenate, [
          code,
          JSON.stringify(text),
          this.#text(node.source),
        ])
    }
    return code
  }

  #array(node: Checked & { readonly kind: 'array' }): string {
    if (!node.items.some(({ spread }) => spread)) {
      return `[${node.items.map(({ value }) => this.#code(value)).join(', ')}]`
    }
    const parts = node.items.map(({ spread, value }) =>
      spread
        ? this.#call(operations.spreadList, [this.#code(value), this.#text(node.source)])
        : `[${this.#code(value)}]`,
    )
    return this.#call(operations.joinLists, [`[${parts.join(', ')}]`, this.#text(node.source)])
  }

  #entry(entry: ObjectEntry, source: string): string {
    if (entry.kind === 'spread')
      return `...${this.#call(operations.spreadObject, [this.#code(entry.value), this.#text(source)])}`
    if (entry.kind === 'field') return `${JSON.stringify(entry.name)}: ${this.#code(entry.value)}`
    return `[${this.#call(operations.fieldName, [this.#code(entry.name), this.#text(source)])}]: ${this.#code(entry.value)}`
  }

  #functionCall(node: Checked & { readonly kind: 'call' }): string {
    const codes = node.arguments.map((argument) => this.#code(argument))
    return node.definition.inline === null
      ? this.#call(node.definition.call, codes)
      : node.definition.inline(codes)
  }

  #arrow(node: Checked & { readonly kind: 'arrow' }): string {
    const before = this.#nodes
    const body = this.#code(node.body)
    const weight = Math.floor((this.#nodes - before) / nodesPerFuel)
    const parameters = node.parameters.map((index) => `a${index}`).join(', ')
    return weight === 0
      ? `((${parameters}) => (${body}))`
      : `((${parameters}) => (${this.#constant(spend)}(${weight}), ${body}))`
  }

  #tolerant(operation: operations.Operation): operations.Operation {
    return this.#options.nullForFailure ? orNull(operation) : operation
  }

  #call(callee: unknown, codes: readonly string[]): string {
    return `${this.#constant(callee)}(${codes.join(', ')})`
  }

  #text(source: string): string {
    return this.#constant(source)
  }

  #constant(value: unknown): string {
    const known = this.#constants.indexOf(value)
    return `k${known === -1 ? this.#constants.push(value) - 1 : known}`
  }
}

interface OperatorCode {
  readonly run: operations.Operation
  /** The operator that compares with null; null for those that are no equality. */
  readonly equality: '===' | '!==' | null
}

const operationsByOperator: Readonly<
  Record<(Checked & { kind: 'binary' })['operator'], OperatorCode>
> = {
  '+': { run: operations.add, equality: null },
  '-': { run: operations.subtract, equality: null },
  '*': { run: operations.multiply, equality: null },
  '/': { run: operations.divide, equality: null },
  '%': { run: operations.remainder, equality: null },
  '**': { run: operations.power, equality: null },
  '<': { run: operations.less, equality: null },
  '<=': { run: operations.lessOrEqual, equality: null },
  '>': { run: operations.greater, equality: null },
  '>=': { run: operations.greaterOrEqual, equality: null },
  '==': { run: operations.equal, equality: '===' },
  '!=': { run: operations.notEqual, equality: '!==' },
  '===': { run: operations.strictEqual, equality: '===' },
  '!==': { run: operations.notStrictEqual, equality: '!==' },
}

function literalCode(value: string | number | boolean | null): string {
  return typeof value === 'number'
    ? `(${Object.is(value, -0) ? '-0' : String(value)})`
    : JSON.stringify(value)
}

function isNull(node: Checked): boolean {
  return node.kind === 'literal' && node.value === null
}

function isMethodName(name: string): boolean {
  return name !== 'length' && inheritedNames.has(name)
}

/** Whether the result may be a list or object that the expression itself put together. */
function mayMakeParts(node: Checked): boolean {
  switch (node.kind) {
    case 'array':
    case 'object':
      return true
    case 'call':
      return (
        node.definition.returnsParts ||
        (node.definition.inline !== null && node.arguments.some(mayMakeParts))
      )
    case 'member':
    case 'index':
      return mayMakeParts(node.object)
    case 'logical':
      return mayMakeParts(node.left) || mayMakeParts(node.right)
    case 'conditional':
      return mayMakeParts(node.whenTrue) || mayMakeParts(node.whenFalse)
    default:
      return false
  }
}
