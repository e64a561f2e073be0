import type { Substitution, VariableProblem } from './config-node.ts'

/** Where the values of `${NAME}` and `${secret:NAME}` come from. */
export interface Variables {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly readSecret: (name: string) => string | undefined
}

export interface Substituted {
  readonly text: string
  readonly substitutions: readonly Substitution[]
  /** The whole text was one `${...}`. */
  readonly isVariable: boolean
  /** Why a variable could not be filled in, and where in the text. */
  readonly problem: VariableProblem | null
  /** Values of secrets that are now part of the text. */
  readonly secrets: readonly string[]
}

/**
 * `$${`, which stands for itself; or `${`, with a name that only an environment variable or secret can
 * have. `${value.x}` of templates is none of these and stays as it is.
 */
const reference = /\$\$\{|\$\{(secret:)?([^{}]*)\}/g
const variableName = /^[A-Z_][A-Z0-9_]*$/
const nameWithDefault = /^([A-Z_][A-Z0-9_]*):-(.*)$/s
const nameWithColon = /^([A-Z_][A-Z0-9_]*):(.*)$/s

export function substituteVariables(source: string, variables: Variables): Substituted {
  const substitutions: Substitution[] = []
  const secrets: string[] = []
  let problem: Substituted['problem'] = null
  let text = ''
  let end = 0
  let isVariable = false
  for (const match of source.matchAll(reference)) {
    const [whole, secret, name = ''] = match
    const found = whole === '$${' ? { value: '${' } : lookUp(name, secret !== undefined, variables)
    if (found === null) continue
    text += source.slice(end, match.index)
    end = match.index + whole.length
    if ('message' in found) {
      problem ??= { ...found, reference: whole }
      text += whole
      continue
    }
    substitutions.push({ at: match.index, length: whole.length, filled: found.value.length })
    isVariable = whole.length === source.length && whole !== '$${'
    if (secret !== undefined) secrets.push(found.value)
    text += found.value
  }
  return { text: text + source.slice(end), substitutions, isVariable, problem, secrets }
}

type Found = { readonly value: string } | { readonly message: string; readonly hint?: string }

/** null for what is no reference to a variable. */
function lookUp(name: string, isSecret: boolean, variables: Variables): Found | null {
  if (isSecret) return lookUpSecret(name, variables)
  if (variableName.test(name)) {
    const value = environmentValue(name, variables)
    if (value !== undefined) return { value }
    return {
      message: `the environment variable ${name} is not set`,
      hint: `set it, or give a default: \${${name}:-DEFAULT}`,
    }
  }
  const [, withDefault, fallback] = nameWithDefault.exec(name) ?? []
  if (withDefault !== undefined) {
    const value = environmentValue(withDefault, variables)
    return { value: value === undefined || value === '' ? fallback! : value }
  }
  const [, withColon, rest] = nameWithColon.exec(name) ?? []
  if (withColon === undefined) return null
  return {
    message: `\${${name}} is no variable that can be filled in`,
    hint: `a default is written with ":-": \${${withColon}:-${rest}}`,
  }
}

function lookUpSecret(name: string, variables: Variables): Found {
  if (!variableName.test(name)) {
    return {
      message: `"${name}" is no name of a secret: it is written in capitals, digits and "_"`,
    }
  }
  const value = variables.readSecret(name)
  if (value !== undefined && value !== '') return { value }
  return {
    message: `the secret ${name} is not set`,
    hint: `set the environment variable ${name}, or put a file of this name in the secrets folder`,
  }
}

function environmentValue(name: string, { environment }: Variables): string | undefined {
  return Object.hasOwn(environment, name) ? environment[name] : undefined
}
