import type { JsonValue } from '../core/json.ts'

export interface FunctionParameter {
  readonly name: string
  /** `pattern` takes a regular expression only, `text or pattern` a value as well. */
  readonly kind: 'value' | 'pattern' | 'text or pattern' | 'arrow'
  readonly optional: boolean
  /** Takes all arguments from here on, at least one. */
  readonly rest: boolean
}

interface FunctionExample {
  readonly expression: string
  readonly result: JsonValue
}

export interface FunctionDefinition {
  readonly name: string
  /** How it is called, such as `round(x, digits?)`; parameters are read from it. */
  readonly signature: string
  readonly parameters: readonly FunctionParameter[]
  readonly summary: string
  readonly examples: readonly [FunctionExample, ...FunctionExample[]]
  /** Whether the result can be a list or object, whose size is then checked. */
  readonly returnsParts: boolean
  /** Code in place of a call, from the code of the arguments: it may leave arguments unevaluated. */
  readonly inline: ((codes: readonly string[]) => string) | null
  // oxlint-disable-next-line typescript/no-explicit-any -- arguments are of the kinds in `parameters`
  readonly call: (...values: any[]) => JsonValue
}

type Details = Pick<FunctionDefinition, 'summary' | 'call'> & {
  readonly examples: readonly [
    readonly [expression: string, result: JsonValue],
    ...(readonly [string, JsonValue])[],
  ]
  readonly returnsParts?: boolean
  readonly inline?: (codes: readonly string[]) => string
}

/**
 * @param signature a name and its parameters: `x` a value, `x?` optional, `...x` one or more,
 * `/x/` a regular expression, `x|/y/` either, `x => y` an arrow function.
 */
export function defineFunction(signature: string, details: Details): FunctionDefinition {
  const [, name = '', inside = ''] = /^(\w+)\((.*)\)$/.exec(signature) ?? []
  const examples = details.examples.map(([expression, result]) => ({ expression, result }))
  return {
    name,
    signature,
    parameters: splitParameters(inside).map(readParameter),
    summary: details.summary,
    examples: examples as [FunctionExample, ...FunctionExample[]],
    returnsParts: details.returnsParts ?? false,
    inline: details.inline ?? null,
    call: details.call,
  }
}

/** At commas outside parentheses: an arrow function has commas of its own. */
function splitParameters(inside: string): string[] {
  return inside === '' ? [] : inside.split(/,\s*(?![^(]*\))/)
}

function readParameter(text: string): FunctionParameter {
  const rest = text.startsWith('...')
  const optional = text.endsWith('?')
  const name = text.replace(/^\.\.\./, '').replace(/\?$/, '')
  return { name, kind: readKind(name), optional, rest }
}

function readKind(name: string): FunctionParameter['kind'] {
  if (name.includes('=>')) return 'arrow'
  if (name.startsWith('/')) return 'pattern'
  return name.includes('|/') ? 'text or pattern' : 'value'
}

export function fewestArguments(definition: FunctionDefinition): number {
  return definition.parameters.filter(({ optional }) => !optional).length
}

export function mostArguments(definition: FunctionDefinition): number {
  return definition.parameters.some(({ rest }) => rest) ? Infinity : definition.parameters.length
}
