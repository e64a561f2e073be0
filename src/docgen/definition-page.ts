import { encodeJson } from '../core/json.ts'
import type { OperatorExample } from '../core/operator.ts'
import { stepExtras, takesBareName, type NamedDefinition } from '../spec/component-schema.ts'
import { writeYaml } from '../spec/write-yaml.ts'
import { settingSchema, type JsonSchema } from './json-schema.ts'
import { settingsTable, typeOf } from './settings-table.ts'

export interface DocumentedDefinition extends NamedDefinition {
  readonly examples: readonly { readonly title: string; readonly config: unknown }[]
}

export type DefinitionKind = 'operators' | 'sources' | 'sinks' | 'listeners'

/** How a component of each kind stands in a file. */
const wrappers: Readonly<Record<DefinitionKind, (type: string, config: unknown) => unknown>> = {
  operators: (type, config) => [{ [type]: config }],
  sources: (type, config) => ({ source: { [type]: config } }),
  sinks: (type, config) => ({ sink: { [type]: config } }),
  listeners: (type, config) => ({ do: { [type]: config } }),
}

/** The reference page of one operator, source, sink or listener. */
export function definitionPage(kind: DefinitionKind, definition: DocumentedDefinition): string {
  const schema = settingSchema(definition.config)
  const table = settingsTable(schema)
  return (
    [
      `# ${definition.type}`,
      definition.summary,
      ...factsOf(definition),
      '## Setting',
      settingLine(definition, schema),
      ...(table === '' ? [] : [table]),
      ...(kind === 'operators' ? [extrasLine()] : []),
      ...definition.examples.flatMap((example) => examplePart(kind, definition, example)),
      '',
    ]
      .join('\n\n')
      .trimEnd() + '\n'
  )
}

function factsOf(definition: NamedDefinition): string[] {
  const facts = definition as { kind?: string; replayable?: boolean; delivery?: string }
  if (facts.kind === 'stateful') return ['It keeps state, in the log.']
  if (facts.kind === 'async') return [asyncFact]
  if (facts.replayable === false) return ['What it has read cannot be read again.']
  if (facts.delivery === 'exactly_once')
    return ['It writes each record exactly once, also after a crash.']
  if (facts.delivery === 'at_least_once') return ['After a crash it can write records again.']
  return []
}

const asyncFact =
  'It waits for something outside, for `concurrency` records of different keys at once in each task; those of one key in order. While a peer is away its stage is blocked, and nothing is dead-lettered.'

function settingLine(definition: NamedDefinition, schema: JsonSchema): string {
  const bare = takesBareName(definition)
    ? ` It can be written as a bare name: \`${definition.type}\`.`
    : ''
  const own = schema.description === undefined ? '' : ` ${schema.description}`
  return `Type: ${typeOf(schema)}.${own}${bare}`
}

function extrasLine(): string {
  const extras = Object.entries(stepExtras()).map(([name, schema]) => {
    return `\`${name}\`: ${schema.description ?? ''}`
  })
  return `Beside it: ${extras.join(' ')}`
}

function lines(values: OperatorExample['input']): string {
  return values.map(encodeJson).join('\n')
}

function examplePart(
  kind: DefinitionKind,
  { type }: NamedDefinition,
  example: DocumentedDefinition['examples'][number],
): string[] {
  const yaml = writeYaml(wrappers[kind](type, example.config)).trimEnd()
  const parts = [`## ${example.title}`, fenced('yaml', yaml)]
  if (!('input' in example)) return parts
  const { input, output } = example as OperatorExample
  return [
    ...parts,
    'in:',
    fenced('json', lines(input)),
    output.length === 0 ? 'out: nothing.' : 'out:',
    ...(output.length === 0 ? [] : [fenced('json', lines(output))]),
  ]
}

export function fenced(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\n\`\`\``
}
