import { Decimal } from '../core/decimal.ts'
import { isExactNumber, type JsonValue } from '../core/json.ts'
import { maxResultChars, maxResultDepth, maxResultNodes } from './limits.ts'
import { fail } from './values.ts'

/**
 * Checks the size of what an expression made, as it will be when encoded. Parts may be shared, so a
 * small source could otherwise stand for an endless result (`[[x, x], [x, x]]` and so on).
 * @throws RecordFailure RECORD_EXPRESSION when it is too large or nests too deep.
 */
export function measured(value: JsonValue): JsonValue {
  if (typeof value === 'object' && value !== null) {
    nodesLeft = maxResultNodes
    charsLeft = maxResultChars
    walk(value, 0)
  }
  return value
}

/** The walk's own registers; it never nests. */
let nodesLeft = 0
let charsLeft = 0

function walk(value: JsonValue, depth: number): void {
  if (typeof value === 'string') {
    charsLeft -= value.length
    if (charsLeft < 0) fail(`the result has more than ${maxResultChars} characters`)
    return
  }
  if (typeof value !== 'object' || value === null) return
  if (depth > maxResultDepth) fail(`the result nests deeper than ${maxResultDepth} levels`)
  if (Array.isArray(value)) {
    take(value.length)
    for (const item of value) walk(item, depth + 1)
  } else if (!(value instanceof Date) && !(value instanceof Decimal) && !isExactNumber(value)) {
    const names = Object.keys(value)
    take(names.length)
    for (const name of names) walk(value[name]!, depth + 1)
  }
}

function take(nodes: number): void {
  nodesLeft -= nodes
  if (nodesLeft < 0) fail(`the result has more than ${maxResultNodes} parts`)
}
