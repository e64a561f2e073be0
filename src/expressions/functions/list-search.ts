import type { JsonValue } from '../../core/json.ts'
import { defineFunction, type FunctionDefinition } from '../function-definition.ts'
import { compare, equal } from '../operations.ts'
import { listIn, textIn } from '../values.ts'

type Arrow = (item: JsonValue, index: number) => JsonValue

/** Functions that look for something in a list (or text) and make none. */
export const listSearchFunctions: readonly FunctionDefinition[] = [
  defineFunction('some(list, item => condition)', {
    summary: 'Whether the condition holds for at least one element.',
    examples: [['some([1, 5], x => x > 4)', true]],
    call: (value: JsonValue, arrow: Arrow) =>
      listIn(value, 'some')?.some((item, index) => arrow(item, index)) ?? null,
  }),
  defineFunction('every(list, item => condition)', {
    summary: 'Whether the condition holds for all elements.',
    examples: [['every([1, 5], x => x > 0)', true]],
    call: (value: JsonValue, arrow: Arrow) =>
      listIn(value, 'every')?.every((item, index) => arrow(item, index)) ?? null,
  }),
  defineFunction('find(list, item => condition)', {
    summary: 'The first element for which the condition holds, or null.',
    examples: [['find([1, 5, 9], x => x > 4)', 5]],
    returnsParts: true,
    call: (value: JsonValue, arrow: Arrow) =>
      listIn(value, 'find')?.find((item, index) => arrow(item, index)) ?? null,
  }),
  defineFunction('contains(text_or_list, part)', {
    summary: 'Whether the text has the part in it, or the list the element.',
    examples: [
      ["contains('millrace', 'race')", true],
      ['contains([1, 2], 2)', true],
    ],
    call: (value: JsonValue, part: JsonValue) => {
      const index = indexOf(value, part, 'contains')
      return index === null ? null : index !== -1
    },
  }),
  defineFunction('index_of(text_or_list, part)', {
    summary:
      'Where the part begins in the text, or the element stands in the list, from 0; -1 where it is not.',
    examples: [
      ["index_of('millrace', 'race')", 4],
      ["index_of(['a', 'b'], 'c')", -1],
    ],
    call: (value: JsonValue, part: JsonValue) => indexOf(value, part, 'index_of'),
  }),
  defineFunction('first(list)', {
    summary: 'The first element, or null.',
    examples: [['first([1, 2, 3])', 1]],
    returnsParts: true,
    call: (value: JsonValue) => listIn(value, 'first')?.[0] ?? null,
  }),
  defineFunction('last(list)', {
    summary: 'The last element, or null.',
    examples: [['last([1, 2, 3])', 3]],
    returnsParts: true,
    call: (value: JsonValue) => listIn(value, 'last')?.at(-1) ?? null,
  }),
  defineFunction('count(list, item => condition?)', {
    summary: 'How many elements there are, or how many of them fulfil the condition.',
    examples: [
      ['count([1, 5, 9])', 3],
      ['count([1, 5, 9], x => x > 4)', 2],
    ],
    call: (value: JsonValue, arrow?: Arrow) => {
      const list = listIn(value, 'count')
      if (list === null) return null
      return arrow === undefined
        ? list.length
        : list.filter((item, index) => arrow(item, index)).length
    },
  }),
  defineFunction('min(...values)', {
    summary: 'The smallest of several values, or of the elements of one list; nulls are left out.',
    examples: [
      ['min(3, 1, 2)', 1],
      ['min([3, null])', 3],
    ],
    call: (...values: JsonValue[]) => extreme(values, { sign: -1, name: 'min' }),
  }),
  defineFunction('max(...values)', {
    summary: 'The largest of several values, or of the elements of one list; nulls are left out.',
    examples: [
      ['max(3, 1, 2)', 3],
      ["max(['a', 'b'])", 'b'],
    ],
    call: (...values: JsonValue[]) => extreme(values, { sign: 1, name: 'max' }),
  }),
]

function indexOf(value: JsonValue, part: JsonValue, where: string): number | null {
  if (Array.isArray(value)) return listIn(value, where)!.findIndex((item) => equal(item, part))
  const text = textIn(value, where)
  const wanted = textIn(part, where)
  return text === null || wanted === null ? null : text.indexOf(wanted)
}

function extreme(
  values: readonly JsonValue[],
  { sign, name }: { sign: 1 | -1; name: string },
): JsonValue {
  const [only] = values
  const candidates = values.length === 1 && Array.isArray(only) ? listIn(only, name)! : values
  let best: JsonValue = null
  for (const value of candidates) {
    if (value === null) continue
    // Compared with itself first, so that a list or object fails even when it stands alone.
    if (best === null) compare(value, value, name)
    if (best === null || compare(value, best, name) * sign > 0) best = value
  }
  return best
}
