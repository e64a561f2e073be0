import { isDeepStrictEqual } from 'node:util'

/**
 * Whether `actual` is what a test expects. Objects match when they hold at least the expected fields;
 * lists match item by item; matchers say otherwise: `$exact`, `$match` (a regular expression on text),
 * `$near` (a number, within `within`, by default 1e-9 of its size), `$count` (the length of a list).
 * @returns where and how they differ, or null.
 */
export function difference(expected: unknown, actual: unknown, path = ''): string | null {
  if (isMap(expected)) {
    const matcher = matcherOf(expected)
    return matcher === null
      ? objectDifference(expected, actual, path)
      : matcherDifference(matcher, actual, path)
  }
  if (Array.isArray(expected)) return listDifference(expected, actual, path)
  // 0 and -0 are written alike.
  return expected === actual || isDeepStrictEqual(expected, actual)
    ? null
    : unlike(expected, actual, path)
}

export interface Arrival {
  readonly item: unknown
  /** Items with the same are in their order; of others the order means nothing. */
  readonly order: string
}

/** As `difference`, but a list has to match the order of items only among those that have one. */
export function differenceOfArrivals(
  expected: unknown,
  arrivals: readonly Arrival[],
): string | null {
  const items = arrivals.map(({ item }) => item)
  const inOrder = difference(expected, items)
  if (inOrder === null || !Array.isArray(expected) || expected.length !== items.length)
    return inOrder
  const left = [...arrivals]
  for (const [index, each] of expected.entries()) {
    const match = left.findIndex(
      (arrival, place) => isNextOfItsOrder(left, place) && difference(each, arrival.item) === null,
    )
    if (match === -1) return difference(each, left[0]!.item, `[${index}]`)
    left.splice(match, 1)
  }
  return null
}

function isNextOfItsOrder(left: readonly Arrival[], place: number): boolean {
  return left.findIndex(({ order }) => order === left[place]!.order) === place
}

type Fields = Readonly<Record<string, unknown>>
interface Matcher {
  readonly name: string
  readonly argument: unknown
  readonly within: unknown
}

const matcherNames = new Set(['$exact', '$match', '$near', '$count'])

function isMap(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function matcherOf(expected: Fields): Matcher | null {
  const name = Object.keys(expected).find((key) => matcherNames.has(key))
  return name === undefined ? null : { name, argument: expected[name], within: expected['within'] }
}

function matcherDifference(
  { name, argument, within }: Matcher,
  actual: unknown,
  path: string,
): string | null {
  if (name === '$exact')
    return isDeepStrictEqual(argument, actual) ? null : unlike(argument, actual, path)
  if (name === '$count') {
    return Array.isArray(actual) && actual.length === argument
      ? null
      : unlike(`${String(argument)} items`, actual, path)
  }
  if (name === '$match') {
    return typeof actual === 'string' && new RegExp(String(argument)).test(actual)
      ? null
      : unlike(`text like ${String(argument)}`, actual, path)
  }
  const target = Number(argument)
  const tolerance = typeof within === 'number' ? within : Math.abs(target) * 1e-9
  return typeof actual === 'number' && Math.abs(actual - target) <= tolerance
    ? null
    : unlike(`about ${target}`, actual, path)
}

function objectDifference(expected: Fields, actual: unknown, path: string): string | null {
  if (!isMap(actual)) return unlike(expected, actual, path)
  for (const [name, value] of Object.entries(expected)) {
    const found = difference(
      value,
      Object.hasOwn(actual, name) ? actual[name] : undefined,
      path === '' ? name : `${path}.${name}`,
    )
    if (found !== null) return found
  }
  return null
}

function listDifference(
  expected: readonly unknown[],
  actual: unknown,
  path: string,
): string | null {
  if (!Array.isArray(actual)) return unlike(expected, actual, path)
  if (expected.length !== actual.length) {
    return `${at(path)}${expected.length} items expected, ${actual.length} found: ${show(actual)}`
  }
  for (const [index, item] of expected.entries()) {
    const found = difference(item, actual[index], `${path}[${index}]`)
    if (found !== null) return found
  }
  return null
}

function unlike(expected: unknown, actual: unknown, path: string): string {
  return `${at(path)}${typeof expected === 'string' ? expected : show(expected)} expected, ${show(actual)} found`
}

function at(path: string): string {
  return path === '' ? '' : `${path}: `
}

const maxShownLength = 400

function show(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value)
  return text.length > maxShownLength ? `${text.slice(0, maxShownLength)}…` : text
}
