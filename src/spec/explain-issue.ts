import { z } from 'zod'
import { describeNode, nodeAt, quoteValue, type ConfigNode } from './config-node.ts'
import { didYouMean } from '../core/nearest-name.ts'
import type { ConfigPath } from './pipeline-spec.ts'
import { unquoted } from './unquoted.ts'

/** One thing that a schema has against a setting, in the words of pipeline files. */
export interface Explained {
  /** From the setting that was checked. */
  readonly path: ConfigPath
  /** The name of the entry is wrong, not its value. */
  readonly isKey: boolean
  /** Empty for an unknown key: see `unknownKeyMessage`, which takes its time. */
  readonly message: string
  /** For a key that the schema does not know: what it knows. */
  readonly unknown: { readonly key: string; readonly allowed: readonly string[] } | null
}

type Issue = z.core.$ZodIssue

/** What separates names in the message of an `unrecognized_keys` issue. */
const separator = '\n'

/** Our message of an `invalid_value` issue; any other one is the definition's own and says more. */
const plainRefusal = 'not allowed'

const typeWords: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a map',
  record: 'a map',
  map: 'a map',
  array: 'a list',
  tuple: 'a list',
  null: 'nothing',
  nonoptional: 'a value',
}

/**
 * The wording of issues, asked for by zod while it still knows the schema: what is expected, and for
 * unknown keys the known ones.
 */
export function wordIssue(issue: z.core.$ZodRawIssue): string | undefined {
  const meta = issue.inst === undefined ? undefined : z.globalRegistry.get(issue.inst as z.ZodType)
  if (issue.code === 'unrecognized_keys') {
    const { def } = (issue.inst as z.ZodObject)._zod
    return Object.keys(def.shape ?? {}).join(separator)
  }
  if (issue.code === 'invalid_value') return plainRefusal
  if (meta?.['format'] === 'expression') return 'an expression'
  if (issue.code === 'invalid_type') {
    const word = typeWords[issue.expected] ?? `a ${issue.expected}`
    const [example] = (meta?.['examples'] ?? []) as (string | number)[]
    return example === undefined ? word : `${word} such as ${example}`
  }
  return undefined
}

export function explainIssue(issue: Issue, node: ConfigNode): Explained[] {
  const path = issue.path as ConfigPath
  if (issue.code === 'unrecognized_keys') {
    const allowed = issue.message.split(separator)
    return issue.keys.map((key) => ({
      path: [...path, key],
      isKey: true,
      message: '',
      unknown: { key, allowed },
    }))
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) return explainUnion(issue, node)
  if (issue.code === 'invalid_key') {
    const [inner] = issue.issues
    const message = `${quoteValue(path.at(-1))} is not allowed as a name here: ${inner === undefined ? '' : rule(inner)}`
    return [{ path, isKey: true, message, unknown: null }]
  }
  return [{ path, isKey: false, message: messageOf(issue, node), unknown: null }]
}

export function unknownKeyMessage({ key, allowed }: NonNullable<Explained['unknown']>): string {
  const list =
    allowed.length === 0 ? 'there are no settings here' : `allowed are ${allowed.join(', ')}`
  return `no setting is called "${key}"${didYouMean(key, allowed)} (${list})`
}

/**
 * A union is told as its best branch: the one that takes this kind of value and has the fewest
 * issues. Where none does, all that is taken is listed.
 */
function explainUnion(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  node: ConfigNode,
): Explained[] {
  const path = issue.path as ConfigPath
  const [best] = issue.errors
    .filter((branch) => !branch.some(refusesKind))
    .toSorted((left, right) => left.length - right.length)
  if (best !== undefined) {
    return best.flatMap((inner) => {
      return explainIssue({ ...inner, path: [...issue.path, ...inner.path] }, node)
    })
  }
  if (issue.message === 'an expression') {
    return [
      {
        path,
        isKey: false,
        message: expectedMessage('an expression', { path, node }),
        unknown: null,
      },
    ]
  }
  const own = issue.errors
    .flat()
    .find((inner) => inner.code === 'invalid_value' && inner.message !== plainRefusal)
  if (own !== undefined && nodeAt(node, path)?.kind === 'scalar') {
    return explainIssue({ ...own, path: issue.path }, node)
  }
  const kinds = issue.errors.flatMap((branch) => branch.filter(refusesKind).map(kindOf))
  const expected = [...new Set(kinds.flat())]
  const message = expectedMessage(joinOr(expected), { path, node })
  const given = nodeAt(node, path)
  const near = given?.kind === 'scalar' ? didYouMean(String(given.value), expected) : ''
  return [{ path, isKey: false, message: message + near, unknown: null }]
}

function refusesKind(issue: Issue): boolean {
  return (
    issue.path.length === 0 &&
    ['invalid_type', 'invalid_value', 'invalid_union'].includes(issue.code)
  )
}

function kindOf(issue: Issue): string[] {
  if (issue.code === 'invalid_value') return issue.values.map(String)
  if (issue.code === 'invalid_union')
    return issue.errors.flatMap((branch) => branch.flatMap(kindOf))
  return [issue.message]
}

function messageOf(issue: Issue, node: ConfigNode): string {
  const path = issue.path as ConfigPath
  const given = nodeAt(node, path)
  if (issue.code === 'invalid_type') return expectedMessage(issue.message, { path, node })
  const options = optionsOf(issue)
  if (issue.code === 'invalid_value' && issue.message !== plainRefusal && given !== undefined) {
    return `${describeNode(given)} is not allowed: ${issue.message}`
  }
  if (options !== null) {
    if (given === undefined) return `"${String(path.at(-1))}" is missing: ${joinOr(options)}`
    const near = given.kind === 'scalar' ? didYouMean(String(given.value), options) : ''
    return `${describeNode(given)} is not allowed here${near} (allowed: ${joinOr(options)})`
  }
  if (issue.path.length > 0 && given === undefined)
    return `"${String(path.at(-1))}" is missing: ${rule(issue)}`
  const isTold = given?.kind === 'scalar' && !refusesQuietly(issue)
  return isTold ? `${describeNode(given)} is not allowed: ${rule(issue)}` : rule(issue)
}

function refusesQuietly(issue: Issue): boolean {
  return issue.code === 'custom' && issue.params?.['unquoted'] === unquoted.unquoted
}

function optionsOf(issue: Issue): string[] | null {
  if (issue.code === 'invalid_value') return issue.values.map(String)
  if (issue.code === 'invalid_union' && 'options' in issue)
    return (issue.options as unknown[]).map(String)
  return null
}

const countWords: Readonly<Record<string, string>> = {
  string: 'character',
  array: 'item',
  object: 'setting',
  record: 'setting',
  map: 'setting',
  set: 'item',
}

/** The rule that a value of the right type breaks. */
function rule(issue: Issue): string {
  if (issue.code === 'too_small' || issue.code === 'too_big') {
    const limit = issue.code === 'too_small' ? issue.minimum : issue.maximum
    const word = issue.code === 'too_small' ? 'at least' : 'at most'
    const counted = countWords[issue.origin]
    const plural = Number(limit) === 1 ? '' : 's'
    const verb = issue.code === 'too_small' ? 'needs' : 'takes'
    if (counted !== undefined) return `it ${verb} ${word} ${limit} ${counted}${plural}`
    const exclusive = issue.code === 'too_small' ? 'more than' : 'less than'
    return `it has to be ${issue.inclusive === false ? exclusive : word} ${limit}`
  }
  if (issue.code === 'not_multiple_of') return `it has to be a multiple of ${issue.divisor}`
  return issue.message
}

function expectedMessage(
  expected: string,
  { path, node }: { path: ConfigPath; node: ConfigNode },
): string {
  const given = nodeAt(node, path)
  if (given === undefined) return `"${String(path.at(-1) ?? '')}" is missing: ${expected}`
  const isUnquoted = given.kind === 'scalar' && ['number', 'boolean'].includes(typeof given.value)
  const quoting =
    isUnquoted && /^a text(?!\s*such)/.test(expected) ? `; quote it: "${describeNode(given)}"` : ''
  return `expected ${expected}, but got ${describeNode(given)}${quoting}`
}

function joinOr(words: readonly string[]): string {
  if (words.length < 2) return words.join('')
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}
