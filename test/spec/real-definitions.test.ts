import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { parse } from 'yaml'
import type { Definitions } from '../../src/core/definitions.ts'
import { pipelineJsonSchema } from '../../src/docgen/json-schema.ts'
import { sinks } from '../../src/endpoints/sinks/registry.generated.ts'
import { sources } from '../../src/endpoints/sources/registry.generated.ts'
import { listeners } from '../../src/hooks/registry.generated.ts'
import { operators } from '../../src/operators/registry.generated.ts'
import { loadPipeline } from '../../src/spec/load-pipeline.ts'
import { writeYaml } from '../../src/spec/write-yaml.ts'

const definitions: Definitions = { operators, sources, sinks, listeners }
const validate = new Ajv2020({ allowUnionTypes: true }).compile(pipelineJsonSchema(definitions))
const load = (text: string) => {
  return loadPipeline(text, { file: 'x.yaml', definitions, environment: {}, readSecret: () => 'x' })
}

const servers = {
  kafka: { brokers: 'localhost:9092' },
  postgres: { database: 'shop', user: 'app' },
  rabbitmq: { user: 'app', password: '${secret:PASSWORD}' },
} as const

/** What an example names. */
function namedBy(type: string, config: unknown): object {
  if (type === 'lookup')
    return {
      tables: { devices: { file: 'a.csv', key: 'a' }, networks: { file: 'b.csv', range: 'b' } },
    }
  if (typeof config !== 'object' || config === null || !('connection' in config)) return {}
  const server = servers[type as keyof typeof servers]
  return { connections: { [String(config.connection)]: { [type]: server } } }
}

const stageOf = {
  operators: (component: object) => {
    const [outputs] = 'route' in component ? [component.route as object] : []
    const to =
      outputs === undefined
        ? 'b'
        : Object.fromEntries(Object.keys(outputs).map((name) => [name, name]))
    return { from: 'a', steps: [component], to }
  },
  sources: (component: object) => ({ source: component, to: 'b' }),
  sinks: (component: object) => ({ from: 'a', sink: component }),
  listeners: (component: object) => {
    return { from: 'a', to: 'b', hooks: [{ on: ['record_failed'], do: component }] }
  },
} as const

const examples = (['operators', 'sources', 'sinks', 'listeners'] as const).flatMap((kind) => {
  return definitions[kind].flatMap(({ type, examples: ofType }) => {
    return ofType.map(({ title, config }) => {
      const stage = { name: 's', ...stageOf[kind]({ [type]: config }) }
      return {
        name: `${kind}/${type}: ${title}`,
        text: writeYaml({ pipeline: 'p', ...namedBy(type, config), stages: [stage] }),
      }
    })
  })
})

describe('each example of a definition', () => {
  it.each(examples)('is read, and fits the JSON Schema: $name', ({ text }) => {
    expect(load(text).spec.stages).toHaveLength(1)
    expect(validate(parse(text)), JSON.stringify(validate.errors)).toBe(true)
  })
})

describe('a step lookup', () => {
  it('is told at the place of its table that there is none of this name', () => {
    const lookup = { table: 'device', on: 'value.id', into: 'about' }
    const text = writeYaml({
      pipeline: 'p',
      tables: { devices: { http: 'http://x/${key}' } },
      stages: [{ name: 's', from: 'a', steps: [{ lookup }], to: 'b' }],
    })
    expect(() => load(text)).toThrow(
      /stages\[0\]\.steps\[0\]\.lookup\.table: no table is called "device"; did you mean "devices"/,
    )
  })
})

const folder = new URL('../../pipelines/', import.meta.url)

describe('each file in pipelines/', () => {
  it.each(readdirSync(folder).filter((name) => name.endsWith('.yaml')))('is read: %s', (name) => {
    const { spec, warnings } = load(readFileSync(new URL(name, folder), 'utf8'))
    expect(spec.pipeline).toBe(name.replace(/\.yaml$/, ''))
    expect(warnings).toEqual([])
  })
})
