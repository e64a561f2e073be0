import type { AnyNode } from 'acorn'
import { ExpressionError } from './expression-error.ts'
import { parseSource } from './parse.ts'

interface StaticField {
  readonly name: string
  /** Where the name stands in the source, from 0. */
  readonly offset: number
}

/**
 * The top-level fields of `value` that the source of an expression or aggregation names, in order;
 * not those behind `value?.`, which says that the field may be missing. Empty for a source that is no
 * expression.
 */
export function staticFields(source: string): readonly StaticField[] {
  const uses = usesOfValue(source)
  return (uses ?? []).flatMap((use) =>
    use.field === null || use.isOptional ? [] : [{ name: use.field, offset: use.offset }],
  )
}

/**
 * All top-level fields of `value` that the source reads; null when it reads more than fields that it
 * names: `value` as a whole, or a field whose name is only known from the record.
 */
export function fieldsRead(source: string): ReadonlySet<string> | null {
  const uses = usesOfValue(source)
  if (uses === null || uses.some(({ field }) => field === null)) return null
  return new Set(uses.flatMap(({ field }) => field ?? []))
}

interface ValueUse {
  /** null: not a field that the source names. */
  readonly field: string | null
  readonly isOptional: boolean
  readonly offset: number
}

/** null for a source that is no expression. */
function usesOfValue(source: string): readonly ValueUse[] | null {
  const uses: ValueUse[] = []
  try {
    collectUses(parseSource(source), uses)
    return uses
  } catch (thrown) {
    if (thrown instanceof ExpressionError) return null
    throw thrown
  }
}

function collectUses(node: AnyNode, uses: ValueUse[]): void {
  if (node.type === 'ArrowFunctionExpression' && node.params.some(isValue)) return
  if (node.type === 'MemberExpression') {
    if (isValue(node.object)) uses.push(useOf(node))
    else collectUses(node.object, uses)
    // The name behind a point is no identifier of its own.
    if (node.computed) collectUses(node.property, uses)
    return
  }
  if (node.type === 'Property') {
    if (node.computed) collectUses(node.key, uses)
    collectUses(node.value, uses)
    return
  }
  if (isValue(node)) {
    uses.push({ field: null, isOptional: false, offset: node.start })
    return
  }
  for (const part of Object.values(node) as unknown[]) {
    for (const child of Array.isArray(part) ? (part as unknown[]) : [part]) {
      if (isNode(child)) collectUses(child, uses)
    }
  }
}

function useOf(node: Extract<AnyNode, { type: 'MemberExpression' }>): ValueUse {
  const { property, computed, optional: isOptional } = node
  if (!computed && property.type === 'Identifier') {
    return { field: property.name, isOptional, offset: property.start }
  }
  if (computed && property.type === 'Literal' && typeof property.value === 'string') {
    return { field: property.value, isOptional, offset: property.start }
  }
  return { field: null, isOptional, offset: node.start }
}

function isValue(node: AnyNode): boolean {
  return node.type === 'Identifier' && node.name === 'value'
}

function isNode(part: unknown): part is AnyNode {
  return (
    typeof part === 'object' && part !== null && 'type' in part && typeof part.type === 'string'
  )
}
