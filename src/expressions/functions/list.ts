import { Decimal } from '../../core/decimal.ts'
import { isExactNumber, type JsonValue } from '../../core/json.ts'
import { defineFunction, type FunctionDefinition } from '../function-definition.ts'
import { maxListLength } from '../limits.ts'
import { add, compare, divide } from '../operations.ts'
import {
  describe,
  fail,
  listIn,
  madeList,
  madeText,
  numberIn,
  textIn,
  tooMany,
  typeName,
  wholeIn,
} from '../values.ts'
import { encodeText } from './object.ts'

type Arrow = (item: JsonValue, index: number) => JsonValue

export const listFunctions: readonly FunctionDefinition[] = [
  defineFunction('map(list, item => result)', {
    summary: 'The results of the function, for each element.',
    examples: [
      ['map([1, 2], x => x * 10)', [10, 20]],
      ["map(['a', 'b'], (x, index) => `${x}${index}`)", ['a0', 'b1']],
    ],
    returnsParts: true,
    call: (value: JsonValue, arrow: Arrow) => {
      const list = listIn(value, 'map')
      return list === null
        ? null
        : madeList(
            list.map((item, index) => arrow(item, index)),
            'map',
          )
    },
  }),
  defineFunction('filter(list, item => condition)', {
    summary: 'The elements for which the condition holds.',
    examples: [['filter([1, 5, 9], x => x > 4)', [5, 9]]],
    returnsParts: true,
    call: (value: JsonValue, arrow: Arrow) => {
      const list = listIn(value, 'filter')
      return list === null
        ? null
        : madeList(
            list.filter((item, index) => arrow(item, index)),
            'filter',
          )
    },
  }),
  defineFunction('reduce(list, (acc, item) => result, start)', {
    summary:
      'One value from all elements: the function gets what was collected so far and the next element.',
    examples: [['reduce([1, 2, 3], (acc, x) => acc * x, 1)', 6]],
    returnsParts: true,
    call: (
      value: JsonValue,
      arrow: (acc: JsonValue, item: JsonValue, index: number) => JsonValue,
      start: JsonValue,
    ) => {
      const list = listIn(value, 'reduce')
      return list === null
        ? null
        : list.reduce((acc, item, index) => arrow(acc, item, index), start)
    },
  }),
  defineFunction('sort_by(list, item => key, direction?)', {
    summary:
      "The elements in the order of their keys, which are all numbers, all texts or all timestamps; null comes last. 'desc' reverses the order; equal keys keep theirs.",
    examples: [
      ['sort_by([3, 1, 2], x => x)', [1, 2, 3]],
      ["sort_by([{ n: 1 }, { n: 2 }], x => x.n, 'desc')[0].n", 2],
    ],
    returnsParts: true,
    call: sortBy,
  }),
  defineFunction('flatten(list)', {
    summary: 'The elements of the lists in a list, one level deep.',
    examples: [['flatten([[1, 2], [3], 4])', [1, 2, 3, 4]]],
    returnsParts: true,
    call: (value: JsonValue) => {
      const list = listIn(value, 'flatten')
      if (list === null) return null
      const length = list.reduce<number>(
        (sum, item) => sum + (Array.isArray(item) ? item.length : 1),
        0,
      )
      return length > maxListLength ? tooMany('flatten') : madeList(list.flat(), 'flatten')
    },
  }),
  defineFunction('unique(list)', {
    summary: 'The elements without repetitions; lists and objects are the same when their JSON is.',
    examples: [['unique([1, 2, 1])', [1, 2]]],
    returnsParts: true,
    call: (value: JsonValue) => {
      const list = listIn(value, 'unique')
      if (list === null) return null
      const seen = new Set<string>()
      return madeList(
        list.filter((item) => seen.size < seen.add(encodeText(item, 'unique')).size),
        'unique',
      )
    },
  }),
  defineFunction('slice(list_or_text, start, end?)', {
    summary:
      'The elements or characters from `start` up to, not including, `end`; negative numbers count from the end.',
    examples: [
      ['slice([1, 2, 3, 4], 1, 3)', [2, 3]],
      ["slice('millrace', -4)", 'race'],
    ],
    returnsParts: true,
    call: (value: JsonValue, start: JsonValue, end: JsonValue = null) => {
      const from = wholeIn(start, 'slice')
      const to = wholeIn(end, 'slice') ?? Infinity
      if (value === null || from === null) return null
      if (Array.isArray(value)) return madeList(listIn(value, 'slice')!.slice(from, to), 'slice')
      return madeText(textIn(value, 'slice')!.slice(from, to), 'slice')
    },
  }),
  defineFunction('reverse(list)', {
    summary: 'The elements from the last to the first.',
    examples: [['reverse([1, 2, 3])', [3, 2, 1]]],
    returnsParts: true,
    call: (value: JsonValue) => {
      const list = listIn(value, 'reverse')
      return list === null ? null : madeList(list.toReversed(), 'reverse')
    },
  }),
  defineFunction('range(start_or_end, end?, step?)', {
    summary: 'The numbers from `start` (0 by default) up to, not including, `end`.',
    examples: [
      ['range(3)', [0, 1, 2]],
      ['range(10, 0, -5)', [10, 5]],
    ],
    returnsParts: true,
    call: range,
  }),
  defineFunction('sum(list)', {
    summary: 'The sum of the numbers in a list, without nulls; 0 for an empty list.',
    examples: [['sum([1, 2.5, null])', 3.5]],
    call: (value: JsonValue) => sumOf(value, 'sum')?.total ?? null,
  }),
  defineFunction('avg(list)', {
    summary: 'The mean of the numbers in a list, without nulls; null for an empty list.',
    examples: [
      ['avg([1, 2])', 1.5],
      ['avg([])', null],
    ],
    call: (value: JsonValue) => {
      const sum = sumOf(value, 'avg')
      return sum === null || sum.count === 0 ? null : divide(sum.total, sum.count, 'avg')
    },
  }),
]

function sumOf(value: JsonValue, where: string): { total: JsonValue; count: number } | null {
  const list = listIn(value, where)
  if (list === null) return null
  let total: JsonValue = 0
  let count = 0
  for (const item of list) {
    if (item === null) continue
    total = add(total, item instanceof Decimal ? item : numberIn(item, where), where)
    count += 1
  }
  return { total, count }
}

function range(first: JsonValue, second: JsonValue = null, by: JsonValue = 1): JsonValue {
  const limits = [first, second].map((value) => numberIn(value, 'range'))
  const step = numberIn(by, 'range')
  if (step === null || limits[0] === null || limits[0] === undefined) return null
  if (step === 0) return fail('range takes a step other than 0')
  const [start, end] =
    limits[1] === null || limits[1] === undefined ? [0, limits[0]] : [limits[0], limits[1]]
  const length = Math.max(0, Math.ceil((end - start) / step))
  if (length > maxListLength) return tooMany('range')
  return madeList(
    Array.from({ length }, (_, index) => start + index * step),
    'range',
  )
}

function sortBy(value: JsonValue, arrow: Arrow, direction: JsonValue = 'asc'): JsonValue {
  if (direction !== 'asc' && direction !== 'desc')
    return fail("sort_by: the direction is 'asc' or 'desc'")
  const list = listIn(value, 'sort_by')
  if (list === null) return null
  const keyed = list.map((item, index) => ({ item, key: arrow(item, index) }))
  const types = new Set(keyed.filter(({ key }) => key !== null).map(({ key }) => sortableType(key)))
  if (types.size > 1)
    return fail(`sort_by: the keys are of several types: ${[...types].join(', ')}`)
  const turn = direction === 'asc' ? 1 : -1
  keyed.sort((left, right) => {
    if (left.key === null || right.key === null)
      return Number(left.key === null) - Number(right.key === null)
    return turn * compare(left.key, right.key, 'sort_by')
  })
  return madeList(
    keyed.map(({ item }) => item),
    'sort_by',
  )
}

function sortableType(key: JsonValue): string {
  const type = typeName(key)
  if (
    isExactNumber(key) ||
    type === 'number' ||
    type === 'string' ||
    type === 'timestamp' ||
    type === 'boolean'
  )
    return type
  return fail(`sort_by: ${describe(key)} has no order`)
}
