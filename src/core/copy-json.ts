import { isJsonObject, type JsonObject, type JsonValue } from './json.ts'

/**
 * A copy that shares nothing that can be changed with the original (times and exact numbers never
 * are). Whoever puts one value in two places needs it: steps change values in place.
 */
export function copyJson(value: JsonValue): JsonValue {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(copyJson)
  if (!isJsonObject(value)) return value
  const copy: JsonObject = {}
  for (const name of Object.keys(value)) putField(copy, name, copyJson(value[name]!))
  return copy
}

/** Sets a field whose name came with the data: `__proto__` becomes a field as any other. */
export function putField(object: JsonObject, name: string, value: JsonValue): void {
  if (name !== '__proto__') object[name] = value
  else
    Object.defineProperty(object, name, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    })
}
