import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { decodeJson, encodeJson, type JsonValue } from '../../src/core/json.ts'
import { operators } from '../../src/operators/registry.generated.ts'
import { runAsyncOperator } from '../../src/simulation/run-async-operator.ts'
import { InputRecord, runOperator } from '../../src/simulation/run-operator.ts'
import { asyncWorld } from './async-world.ts'

/** Values that no operator expects. */
const hostile: readonly JsonValue[] = [
  decodeJson('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"a":"x"}'),
  decodeJson('{"a":{"__proto__":{"polluted":1}},"b":[{"__proto__":{"polluted":1}}]}'),
  decodeJson('{"a":12345678901234567890,"b":1e400,"id":0.12345678901234567890}'),
  decodeJson(`${'['.repeat(900)}1${']'.repeat(900)}`),
  null,
  true,
  0,
  '',
  'a=1 __proto__=2',
  [],
  {},
]

const asyncOperators = operators.filter((definition) => definition.kind === 'async')
const syncOperators = operators.filter((definition) => definition.kind !== 'async')

describe.each(syncOperators.map((definition) => ({ type: definition.type, definition })))(
  '$type',
  ({ definition }) => {
    const cases = definition.examples.flatMap((example) => [
      { ...example, input: example.input },
      {
        ...example,
        title: `${example.title}, with hostile input`,
        input: [...example.input, ...hostile],
      },
    ])

    it('says what it does and what every setting is for', () => {
      expect(flawsOf(definition)).toEqual([])
    })

    it('has at least two examples, and they do what they say', () => {
      expect(definition.examples.length).toBeGreaterThanOrEqual(2)
      for (const { title, config, input, output } of definition.examples) {
        expect(title).not.toMatch(/\.$/)
        expect(runOperator(definition, config, input).emitted, title).toEqual(output)
      }
    })

    it.each(cases)('gives every record one disposition: $title', ({ config, input }) => {
      // `runOperator` refuses a record that is lost.
      expect(runOperator(definition, config, input).dispositions).toHaveLength(input.length)
    })

    it.each(cases)(
      'does the same a second time, and after restarts: $title',
      ({ config, input }) => {
        const first = runOperator(definition, config, input)
        expect(runOperator(definition, config, input)).toEqual(first)
        expect(runOperator(definition, config, input, { restarts: true })).toEqual(first)
      },
    )

    it.each(cases)('changes neither its setting nor its input: $title', ({ config, input }) => {
      const texts = [encodeJson(config as JsonValue), ...input.map(encodeJson)]
      runOperator(definition, deepFreeze(structuredClone(config)), input.map(deepFreeze))
      expect([encodeJson(config as JsonValue), ...input.map(encodeJson)]).toEqual(texts)
    })

    it.each(cases)(
      'lets no name in the data reach into other objects: $title',
      ({ config, input }) => {
        const { emitted } = runOperator(definition, config, input)
        expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
        for (const value of emitted) expect(prototypesOf(value)).toEqual(new Set())
      },
    )

    it('survives bytes that are no text, and no bytes at all', () => {
      const raws = [Buffer.from([0xff, 0xfe, 0x00]), null].map((raw) => new InputRecord({ raw }))
      for (const { config } of definition.examples) {
        expect(runOperator(definition, config, raws).dispositions).toHaveLength(2)
      }
    })
  },
)

describe.each(asyncOperators.map((definition) => ({ type: definition.type, definition })))(
  '$type, which waits for something outside',
  ({ definition }) => {
    const world = asyncWorld()
    const run = (config: unknown, input: readonly (JsonValue | InputRecord)[]) =>
      runAsyncOperator(definition, { config, input }, world)

    it('says what it does and what every setting is for', () => {
      expect(flawsOf(definition)).toEqual([])
    })

    it('has at least two examples, and they do what they say', async () => {
      expect(definition.examples.length).toBeGreaterThanOrEqual(2)
      for (const { title, config, input, output } of definition.examples) {
        expect(title).not.toMatch(/\.$/)
        expect((await run(config, input)).emitted, title).toEqual(output)
      }
    })

    it.each(definition.examples)(
      'gives every record one disposition, the same a second time: $title',
      async ({ config, input }) => {
        const all = [...input, ...hostile]
        const first = await run(config, all)
        expect(first.dispositions).toHaveLength(all.length)
        expect(await run(config, all)).toEqual(first)
      },
    )

    it.each(definition.examples)(
      'changes neither its setting nor its input, and lets no name in the data reach into other objects: $title',
      async ({ config, input }) => {
        const all = [...input, ...hostile]
        const texts = [encodeJson(config as JsonValue), ...all.map(encodeJson)]
        const { emitted } = await run(deepFreeze(structuredClone(config)), all.map(deepFreeze))
        expect([encodeJson(config as JsonValue), ...all.map(encodeJson)]).toEqual(texts)
        expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
        for (const value of emitted) expect(prototypesOf(value)).toEqual(new Set())
      },
    )
  },
)

describe('the operators', () => {
  it('have a type each, of their own', () => {
    const types = operators.map(({ type }) => type)
    expect(new Set(types).size).toBe(types.length)
    expect(types.filter((type) => !/^[a-z][a-z_]*$/.test(type))).toEqual([])
  })
})

/** What is missing of the texts of a definition. */
function flawsOf({ summary, config }: (typeof operators)[number]): string[] {
  const schema = z.toJSONSchema(config, { io: 'input' })
  const saysSetting = schema.properties !== undefined || schema.description !== undefined
  return [
    ...(/^[A-Z].*\.$/.test(summary) ? [] : ['summary']),
    ...(saysSetting ? [] : ['the setting itself']),
    ...undescribed(schema),
  ]
}

interface SchemaNode {
  readonly description?: string
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly [keyword: string]: unknown
}

/** Paths of the settings in a JSON Schema that have no description. */
function undescribed(schema: unknown, path = ''): string[] {
  if (Array.isArray(schema)) return schema.flatMap((item) => undescribed(item, path))
  if (typeof schema !== 'object' || schema === null) return []
  const { properties = {}, ...rest } = schema as SchemaNode
  const inner = Object.entries(properties).flatMap(([key, field]) => [
    ...(field.description === undefined && field['const'] === undefined ? [`${path}.${key}`] : []),
    ...undescribed(field, `${path}.${key}`),
  ])
  return [...inner, ...Object.values(rest).flatMap((value) => undescribed(value, path))]
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    Object.values(value).forEach(deepFreeze)
  }
  return value
}

/** Prototypes in a value other than those that JSON gives. */
function prototypesOf(value: JsonValue): Set<unknown> {
  if (typeof value !== 'object' || value === null || 'rawJSON' in value) return new Set()
  const prototype: unknown = Object.getPrototypeOf(value)
  const own = prototype === Object.prototype || prototype === Array.prototype ? [] : [prototype]
  return new Set([
    ...own,
    ...Object.values(value).flatMap((item: JsonValue) => [...prototypesOf(item)]),
  ])
}
