import { readdirSync, readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { pipelineJsonSchema } from '../../src/docgen/json-schema.ts'
import { brokenComponents } from '../spec/broken-components.ts'
import { brokenConnections, connectionWith } from '../spec/broken-connections.ts'
import { brokenPipelines } from '../spec/broken-pipelines.ts'
import { definitions } from '../spec/fixture-definitions.ts'
import { problemsOf, stageWith, stepWith } from '../spec/load-file.ts'

const root = new URL('../../', import.meta.url)
const validatorOf = (schema: object) =>
  new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema)
const validate = validatorOf(pipelineJsonSchema(definitions))
const accepts = (text: string): boolean => validate(parse(text))

describe('the JSON Schema of pipeline files', () => {
  it('is of draft 2020-12, with an id that claims no host', () => {
    const { $schema, $id } = pipelineJsonSchema(definitions)
    expect($schema).toBe('https://json-schema.org/draft/2020-12/schema')
    expect($id).toMatch(/^urn:/)
  })

  it('accepts the example of the language page', () => {
    const text = readFileSync(new URL('test/spec/orders-example.yaml', root), 'utf8')
    expect(accepts(text), JSON.stringify(validate.errors)).toBe(true)
  })

  it.each([
    ['a bare step', stepWith('compact')],
    ['a step with nothing behind its colon', stepWith('compact:')],
    ['a bare sink', stageWith('from: a', 'sink: drop')],
    [
      'a bare listener',
      stageWith('from: a', 'to: b', 'hooks:', '  - { on: record_failed, do: log }'),
    ],
    [
      'a variable in place of a number',
      stageWith('source:', '  http: { path: /, port: "${PORT:-1}" }', 'to: b'),
    ],
    ['a variable in place of a word', stageWith('from: a', 'to: b', 'on_error: ${ON_ERROR}')],
    ['a variable inside a duration', stageWith('from: a', 'to: b', 'idle: ${SECONDS}s')],
    ['a secret in place of a topic', stageWith('from: ${secret:TOPIC}', 'to: b')],
    ['ignored keys', `x-top: 1\n${stageWith('x-a: 1', 'from: a', 'to: b', 'limits: { x-b: 2 }')}`],
    [
      'a connection with its secrets',
      connectionWith(
        'brokers: [a, b:9093]',
        'tls: { ca: ./ca.pem, x-note: 1 }',
        'sasl: { mechanism: "${HOW}", username: "${USER}", password: "${secret:PASSWORD}" }',
      ),
    ],
    ['a log by name', `log: { kafka: prod }\n${connectionWith('brokers: a')}`],
    ['numbers, true and null as expressions', stepWith('set: { a: 1, b: true, c: null }')],
  ])('accepts %s', (_, text) => {
    expect(accepts(text), JSON.stringify(validate.errors)).toBe(true)
  })

  /** Rules that reach beyond one setting, and words that a text alone cannot show to be wrong. */
  const beyondSchemas = new Set([
    'a table of a file that is found neither by key nor by range',
    'several outputs and no step that chooses',
    'a route without outputs',
    'a route that is not the last step',
    'two routes',
    'an encode without a topic',
    'outputs of a route that do not fit those of the stage',
    'from and source',
    'neither from nor source',
    'nothing to do',
    'to and sink',
    'two stages of one name',
    'two steps of one id',
    'two aggregates in one stage',
    'a reliable hook of an event that no commit can hold',
    'a queue of a reliable hook',
    'two hooks of one name',
    'a first pause longer than the longest',
    'an unset variable',
    'an unset secret',
    'a secret with a bad name',
    'a default in the wrong form',
    'a variable of the wrong type',
    'a test that sends to an unknown topic',
    'a test that expects of an unknown sink',
    'a misspelled form of a record',
    'a record with something beside $record',
    'a misspelled part of a record',
    'raw text that is none',
    'a clock that is no time',
    'a bad field name',
    'an operator with nothing behind its colon',
    'a retention of a compacted topic',
    'a Kafka log without brokers',
    'a Kafka log with something behind its brokers',
    'a port that is none',
    'a password in the address of the log',
    'a log by a name that nothing has',
    'a broker that is no address',
    'a password that stands in the file',
    'a private key that stands in the file',
    'a certificate without its key',
    'a log that is no Kafka cluster',
    'a password of PostgreSQL that stands in the file',
    'a private key for PostgreSQL that stands in the file',
    'a certificate for PostgreSQL without its key',
    'a password of RabbitMQ that stands in the file',
    'an address with a password as the host of PostgreSQL',
    'a password of RabbitMQ that would be sent in the open',
    'the socket of another server as the host of RabbitMQ',
  ])

  const broken = [...brokenComponents, ...brokenConnections, ...brokenPipelines]

  it.each(broken.filter(({ rule }) => !beyondSchemas.has(rule)))('refuses $rule', ({ text }) => {
    expect(accepts(text)).toBe(false)
  })

  it('does not refuse what the reader takes', () => {
    const files = [stageWith('from: a', 'to: b'), stepWith('compact'), stepWith('filter: true')]
    for (const text of files) expect([accepts(text), problemsOf(text)]).toEqual([true, []])
  })
})

describe('schemas/pipeline.schema.json', () => {
  const stored = JSON.parse(
    readFileSync(new URL('schemas/pipeline.schema.json', root), 'utf8'),
  ) as object
  const validateStored = validatorOf(stored)
  const examples = readdirSync(new URL('pipelines', root)).filter((name) => /\.ya?ml$/.test(name))

  it('has examples to be tried on', () => {
    expect(examples.length).toBeGreaterThan(0)
  })

  it.each(examples)('accepts pipelines/%s', (name) => {
    const file = parse(readFileSync(new URL(`pipelines/${name}`, root), 'utf8')) as unknown
    expect(validateStored(file), JSON.stringify(validateStored.errors)).toBe(true)
  })

  it.each(examples)('refuses pipelines/%s with a misspelled key', (name) => {
    const text = readFileSync(new URL(`pipelines/${name}`, root), 'utf8')
    expect(validateStored(parse(text.replace('\nstages:', '\nstagess:')))).toBe(false)
    expect(validateStored(parse(text.replace(/^( *)steps:$/m, '$1stepz:')))).toBe(false)
  })
})
