import { z } from 'zod'
import { duration } from '../../core/config-types.ts'
import type { JsonValue } from '../../core/json.ts'
import { PrintFormat } from './print-format.ts'
import {
  numberPart,
  plainTextPart,
  requireInner,
  scalarPart,
  TemplateError,
  type Draw,
  type Generator,
  type Part,
  type TemplatePath,
} from './template.ts'

/** Parses a generator's argument; the place of an error is in the template. */
function parse<Schema extends z.ZodType>(
  schema: Schema,
  argument: unknown,
  path: TemplatePath,
): z.output<Schema> {
  const result = schema.safeParse(argument)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const where = (issue?.path ?? []).map((name) => (typeof name === 'number' ? name : String(name)))
  throw new TemplateError([...path, ...where], issue?.message ?? 'not allowed')
}

function printFormat(text: string, count: number, path: TemplatePath): PrintFormat {
  try {
    const format = new PrintFormat(text)
    if (format.count === count) return format
    throw new Error(`the text has ${format.count} places for ${count} values`)
  } catch (thrown) {
    throw new TemplateError(path, thrown instanceof Error ? thrown.message : String(thrown))
  }
}

function textPart(format: PrintFormat, print: (draw: Draw) => string): Part {
  return format.isPlain ? plainTextPart(print) : scalarPart(print)
}

const sequence: Generator = (argument, path) => {
  const from = parse(z.union([z.string(), z.int()]), argument, path)
  if (typeof from === 'number') return numberPart(({ index }) => from + index)
  const format = printFormat(from, 1, path)
  return textPart(format, ({ index }) => format.printOne(index + 1))
}

const integer: Generator = (argument, path) => {
  const [min, max] = parse(z.tuple([z.int(), z.int()]), argument, path)
  if (min > max) throw new TemplateError(path, 'the first number is larger than the second')
  return numberPart(({ random }) => min + Math.floor(random.next() * (max - min + 1)))
}

const numberRange = z.strictObject({
  min: z.number(),
  max: z.number(),
  decimals: z.int().min(0).max(15).default(2),
  text: z.boolean().default(false),
})

const number: Generator = (argument, path) => {
  const { min, max, decimals, text } = parse(numberRange, argument, path)
  if (min > max) throw new TemplateError(path, 'min is larger than max')
  const draw = ({ random }: Draw): string => (min + random.next() * (max - min)).toFixed(decimals)
  return text ? plainTextPart(draw) : numberPart((of) => Number(draw(of)))
}

const choice: Generator = (argument, path, compile) => {
  const items = parse(z.array(z.unknown()).min(1), argument, path)
  const parts = items.map((item, index) => compile(item, [...path, index]))
  return chosenPart(parts, ({ random }) => parts[Math.floor(random.next() * parts.length)]!)
}

const weights = z
  .array(z.strictObject({ weight: z.number().positive(), value: z.unknown() }))
  .min(1)

const weighted: Generator = (argument, path, compile) => {
  const items = parse(weights, argument, path)
  const parts = items.map((item, index) => compile(item.value, [...path, index, 'value']))
  const total = items.reduce((sum, { weight }) => sum + weight, 0)
  return chosenPart(parts, ({ random }) => {
    let at = random.next() * total
    let index = 0
    while (index < parts.length - 1 && at >= items[index]!.weight) {
      at -= items[index]!.weight
      index += 1
    }
    return parts[index]!
  })
}

function chosenPart(parts: readonly Part[], choose: (draw: Draw) => Part): Part {
  const scalars = parts.every((part) => part.scalar !== null)
  return {
    encode: (draw) => choose(draw).encode(draw),
    scalar: scalars ? (draw) => choose(draw).scalar!(draw) : null,
    isRaw: parts.some((part) => part.isRaw === true),
  }
}

const lastDateMs = 8.64e15

const timeRange = z.strictObject({
  start: z.iso.datetime({ offset: true }),
  step: duration(),
  jitter: duration().optional(),
})

const time: Generator = (argument, path) => {
  const { start, step, jitter = 0 } = parse(timeRange, argument, path)
  const startMs = Date.parse(start)
  const timeMs = ({ index, random }: Draw): number =>
    startMs + index * step - (jitter === 0 ? 0 : random.next() * jitter)
  const isoText = isoPrinter()
  return plainTextPart((draw) => isoText(timeMs(draw)))
}

/** Writes ISO 8601 text; the part before the milliseconds is kept while it stays the same. */
function isoPrinter(): (timeMs: number) => string {
  let secondMs = Number.NaN
  let prefix = ''
  return (timeMs) => {
    // Past the last time that a `Date` holds there is none to write.
    const wholeMs = Math.min(Math.max(Math.floor(timeMs), -lastDateMs), lastDateMs)
    const startMs = Math.floor(wholeMs / 1_000) * 1_000
    if (startMs !== secondMs) {
      secondMs = startMs
      prefix = new Date(startMs).toISOString().slice(0, -4)
    }
    const ms = wholeMs - startMs
    return `${prefix}${ms < 10 ? '00' : ms < 100 ? '0' : ''}${ms}Z`
  }
}

const format: Generator = (argument, path, compile) => {
  const [text, ...items] = parse(z.tuple([z.string()], z.unknown()), argument, path)
  const compiled = printFormat(text, items.length, path)
  const scalars = items.map((item, index) => {
    const { scalar } = compile(item, [...path, index + 1])
    if (scalar === null)
      throw new TemplateError([...path, index + 1], 'only single values fit into a text')
    return scalar
  })
  const values: JsonValue[] = scalars.map(() => null)
  return textPart(compiled, (draw) => {
    for (let index = 0; index < scalars.length; index++) values[index] = scalars[index]!(draw)
    return compiled.print(values)
  })
}

const uuid: Generator = (argument, path) => {
  parse(z.union([z.null(), z.literal(true), z.strictObject({})]), argument, path)
  return plainTextPart(({ random }) => uuidText(random))
}

/** A version 4 UUID. */
function uuidText(random: { integer32(): number }): string {
  const words = [0, 1, 2, 3].map(() => random.integer32())
  words[1] = ((words[1]! & 0xffff0fff) | 0x4000) >>> 0
  words[2] = ((words[2]! & 0x3fffffff) | 0x80000000) >>> 0
  const hex = words.map((word) => word.toString(16).padStart(8, '0')).join('')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

const boolean: Generator = (argument, path) => {
  const probability = parse(z.number().min(0).max(1), argument, path)
  return scalarPart(({ random }) => random.next() < probability)
}

const omit: Generator = (argument, path) => {
  parse(z.literal(true), argument, path)
  return { encode: () => undefined, scalar: null }
}

const raw: Generator = (argument, path) => {
  const text = parse(z.string(), argument, path)
  return { encode: () => text, scalar: null, isRaw: true }
}

const truncation = z.strictObject({
  value: z.unknown(),
  ratio: z.number().min(0).max(1),
  keep: z.number().min(0).max(1).default(0.66),
})

const truncate: Generator = (argument, path, compile) => {
  const { value, ratio, keep } = parse(truncation, argument, path)
  const at = [...path, 'value']
  const part = requireInner(compile(value, at), at)
  const encode = (draw: Draw): string => {
    const isCut = draw.random.next() < ratio
    const text = part.encode(draw) ?? 'null'
    return isCut ? text.slice(0, Math.floor(text.length * keep)) : text
  }
  return { encode, scalar: null, isRaw: true }
}

/** By name; the reference page of the source has what each one takes. */
export const generators: ReadonlyMap<string, Generator> = new Map([
  ['$sequence', sequence],
  ['$integer', integer],
  ['$number', number],
  ['$choice', choice],
  ['$weighted', weighted],
  ['$time', time],
  ['$format', format],
  ['$uuid', uuid],
  ['$boolean', boolean],
  ['$omit', omit],
  ['$raw', raw],
  ['$truncate', truncate],
])
