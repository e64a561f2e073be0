import type { IndexedRandom } from './indexed-random.ts'
import type { JsonValue } from '../../core/json.ts'

/** What a template makes for one record. */
export interface Draw {
  /** From 0 on. */
  index: number
  readonly random: IndexedRandom
}

/** A compiled part of a template. */
export interface Part {
  /** JSON text; undefined where the field is left out. */
  readonly encode: (draw: Draw) => string | undefined
  /** The value, where it is a single one (no list, no map): for the arguments of `$format`. */
  readonly scalar: ((draw: Draw) => JsonValue) | null
  /** Makes bytes of a whole record that need not be JSON; allowed at the top only. */
  readonly isRaw?: boolean
}

/** A place in the template that is wrong. */
export class TemplateError extends Error {
  readonly path: readonly (string | number)[]

  constructor(path: readonly (string | number)[], message: string) {
    super(message)
    this.path = path
  }
}

export type TemplatePath = readonly (string | number)[]
export type CompilePart = (template: unknown, path: TemplatePath) => Part

/** Makes the part for the argument of a generator such as `$integer`. */
export type Generator = (argument: unknown, path: TemplatePath, compile: CompilePart) => Part

const maxDepth = 32

/**
 * Compiles a template to a function that writes record i as text.
 * @param generators by name, with their `$`.
 * @throws TemplateError
 */
export function compileTemplate(
  template: unknown,
  generators: ReadonlyMap<string, Generator>,
): (draw: Draw) => string {
  const compile: CompilePart = (node, path) => {
    if (path.length > maxDepth)
      throw new TemplateError(path, `nested deeper than ${maxDepth} levels`)
    if (Array.isArray(node)) return listPart(node, path, compile)
    if (typeof node !== 'object' || node === null) return constantPart(node as JsonValue)
    const entries = node instanceof Map ? [...node] : Object.entries(node)
    const [first] = entries
    const name = entries.length === 1 && first !== undefined ? String(first[0]) : ''
    if (!name.startsWith('$')) return mapPart(entries, path, compile)
    if (name.startsWith('$$')) return mapPart([[name.slice(1), first?.[1]]], path, compile)
    const generator = generators.get(name)
    if (generator !== undefined) return generator(first?.[1], [...path, name], compile)
    const names = [...generators.keys()].join(', ')
    throw new TemplateError(
      [...path, name],
      `there is no ${name}; there are ${names}. A field of this name is written $${name}`,
    )
  }
  const { encode } = compile(template, [])
  return (draw) => encode(draw) ?? 'null'
}

export function scalarPart(scalar: (draw: Draw) => JsonValue): Part {
  return { scalar, encode: (draw) => JSON.stringify(scalar(draw)) }
}

/** For numbers, which are finite. */
export function numberPart(scalar: (draw: Draw) => number): Part {
  return { scalar, encode: (draw) => String(scalar(draw)) }
}

/** For text in which JSON needs no escapes. */
export function plainTextPart(scalar: (draw: Draw) => string): Part {
  return { scalar, encode: (draw) => `"${scalar(draw)}"` }
}

export function constantPart(value: JsonValue): Part {
  const text = JSON.stringify(value)
  return { scalar: () => value, encode: () => text }
}

/** @throws TemplateError when the part is one that only a whole record can be. */
export function requireInner(part: Part, path: TemplatePath): Part {
  if (part.isRaw !== true) return part
  throw new TemplateError(path, 'broken records are made at the top of the template only')
}

function listPart(items: readonly unknown[], path: TemplatePath, compile: CompilePart): Part {
  const parts = items.map((item, index) => {
    const at = [...path, index]
    return requireInner(compile(item, at), at)
  })
  const encode = (draw: Draw): string => {
    let text = '['
    for (const part of parts) {
      const item = part.encode(draw)
      if (item !== undefined) text += text.length > 1 ? `,${item}` : item
    }
    return `${text}]`
  }
  return { encode, scalar: null }
}

function mapPart(
  entries: readonly (readonly [unknown, unknown])[],
  path: TemplatePath,
  compile: CompilePart,
): Part {
  const fields = entries.map(([name, item]) => {
    const at = [...path, String(name)]
    // Names are text from here on, so that `__proto__` is a name like any other.
    return { prefix: `${JSON.stringify(String(name))}:`, part: requireInner(compile(item, at), at) }
  })
  const encode = (draw: Draw): string => {
    let text = '{'
    for (const { prefix, part } of fields) {
      const item = part.encode(draw)
      if (item !== undefined) text += text.length > 1 ? `,${prefix}${item}` : prefix + item
    }
    return `${text}}`
  }
  return { encode, scalar: null }
}
