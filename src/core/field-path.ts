import { isJsonObject, type JsonObject, type JsonValue } from './json.ts'

/** The names of a path such as `address.zip`. */
export type FieldPath = readonly [string, ...string[]]

export function parseFieldPath(text: string): FieldPath {
  const [first = '', ...rest] = text.split('.')
  return [first, ...rest]
}

/** The top-level fields that paths begin with. */
export function topFields(paths: readonly string[]): string[] {
  return paths.map((path) => parseFieldPath(path)[0])
}

/** The field's value; undefined where the field, or an object on the way to it, is missing. */
export function getField(value: JsonValue, path: FieldPath): JsonValue | undefined {
  let at: JsonValue | undefined = value
  for (const name of path) {
    if (!isJsonObject(at) || !Object.hasOwn(at, name)) return undefined
    at = at[name]
  }
  return at
}

/**
 * Sets a field in place; objects on the way are made where they are missing or null.
 * Returns false when something on the way is no object.
 */
export function setField(value: JsonValue, path: FieldPath, to: JsonValue): boolean {
  const parent = parentOf(value, path, { create: true })
  if (parent === undefined) return false
  parent[path[path.length - 1]!] = to
  return true
}

/** Removes a field in place; false where there was none. */
export function removeField(value: JsonValue, path: FieldPath): boolean {
  const parent = parentOf(value, path, { create: false })
  const name = path[path.length - 1]!
  if (parent === undefined || !Object.hasOwn(parent, name)) return false
  delete parent[name]
  return true
}

function parentOf(
  value: JsonValue,
  path: FieldPath,
  options: { create: boolean },
): JsonObject | undefined {
  let at: JsonValue | undefined = value
  for (let depth = 0; depth < path.length - 1; depth++) {
    if (!isJsonObject(at)) return undefined
    const name = path[depth]!
    let next: JsonValue | undefined = Object.hasOwn(at, name) ? at[name] : undefined
    if ((next === undefined || next === null) && options.create) {
      next = {}
      at[name] = next
    }
    at = next
  }
  return isJsonObject(at) ? at : undefined
}
