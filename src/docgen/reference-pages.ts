import { z } from 'zod'
import { errorTable } from '../core/errors.ts'
import { aggregateFunctions } from '../core/expression.ts'
import { hookEvents } from '../core/hook.ts'
import { encodeJson, type JsonValue } from '../core/json.ts'
import type { Definitions } from '../core/definitions.ts'
import { componentSchemas } from '../spec/component-schema.ts'
import { pipelineSchema } from '../spec/pipeline-schema.ts'
import {
  definitionPage,
  type DefinitionKind,
  type DocumentedDefinition,
} from './definition-page.ts'
import { settingSchema } from './json-schema.ts'
import { metricsPage } from './metrics-page.ts'
import { cell, settingsTable } from './settings-table.ts'

export interface DocumentedFunction {
  readonly name: string
  readonly signature: string
  readonly summary: string
  readonly examples: readonly { readonly expression: string; readonly result: JsonValue }[]
}

export interface FunctionGroup {
  readonly title: string
  readonly functions: readonly DocumentedFunction[]
}

const kinds: readonly DefinitionKind[] = ['operators', 'sources', 'sinks', 'listeners']

/** All pages, by path below the reference folder. */
export function referencePages(
  definitions: Definitions,
  functions: readonly FunctionGroup[],
): Map<string, string> {
  const pages = new Map<string, string>()
  for (const kind of kinds) {
    for (const definition of definitions[kind] as readonly DocumentedDefinition[]) {
      pages.set(`${kind}/${definition.type}.md`, definitionPage(kind, definition))
    }
  }
  pages.set('pipeline.md', pipelinePage())
  pages.set('expressions.md', expressionsPage(functions))
  pages.set('errors.md', errorsPage())
  pages.set('events.md', eventsPage())
  pages.set('metrics.md', metricsPage())
  pages.set('README.md', indexPage(definitions))
  return pages
}

function page(title: string, ...parts: readonly string[]): string {
  return `${[`# ${title}`, ...parts].join('\n\n')}\n`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows.map((row) => row.map(cell))]
  return lines.map((row) => `| ${row.join(' | ')} |`).join('\n')
}

function component(description: string): z.ZodType {
  return z.unknown().meta({ format: 'component', description })
}

const noDefinitions: Definitions = { operators: [], sources: [], sinks: [], listeners: [] }

/** The frame of a file; the components have pages of their own. */
function pipelinePage(): string {
  const { connection, testStep } = componentSchemas(noDefinitions)
  const frame = pipelineSchema({
    step: component('An operator with its setting; see [operators](README.md#operators).'),
    source: component('A [source](README.md#sources) with its setting.'),
    sink: component('A [sink](README.md#sinks) with its setting.'),
    listeners: component('[Listeners](README.md#listeners) by name, each with its setting.'),
    connection,
    testStep,
  })
  return page(
    'The pipeline file',
    'Keys that begin with `x-` are ignored. `${NAME}` and `${NAME:-default}` are environment variables, `${secret:NAME}` a secret; `$${` stands for `${`.',
    settingsTable(settingSchema(frame)),
  )
}

const differences = [
  'There are functions, no methods: `upper(value.country)`. No statements, assignments, `this`, `new` or globals.',
  'What is missing is null. Null flows through member access and functions; a comparison with null is false, but for `== null`.',
  'Arithmetic on null, on text that is no number or on lists fails the record (`RECORD_EXPRESSION`); so does null in a template or joined to a text with `+`.',
  'Arithmetic with an integer above 2^53, or with a result that is not finite, fails the record (`RECORD_NUMBER`) instead of being a little wrong.',
  'Objects and lists are never turned into text or numbers, neither by `==` nor by `<`.',
  'A timestamp that `cast` made is its epoch milliseconds in arithmetic and comparison, and ISO 8601 text in a template.',
  'Members are read from the data alone: `value.toString` is null unless the record has a field of this name. `__proto__`, `constructor` and `prototype` are refused.',
  'Regular expressions take linear time: no look-around and no back-references.',
  'The size of texts and lists and the work of one evaluation are limited; beyond, the record fails.',
]

function expressionsPage(groups: readonly FunctionGroup[]): string {
  const parts = groups.flatMap(({ title, functions }) => [
    `## ${title}`,
    table(
      ['function', '', 'example'],
      functions.map(({ signature, summary, examples }) => [
        `\`${signature}\``,
        summary,
        examples
          .map(({ expression, result }) => `\`${expression}\` is \`${encodeJson(result)}\``)
          .join(', '),
      ]),
    ),
  ])
  const aggregates = aggregateFunctions.map((name) => `\`${name}\``).join(', ')
  return page(
    'Expressions',
    'Expressions are a part of JavaScript, over `value`, `key`, `headers`, `topic`, `partition`, `offset`, `timestamp` and `source`; hooks also have `event`.',
    '## Where they differ from JavaScript',
    differences.map((sentence) => `- ${sentence}`).join('\n'),
    ...parts,
    '## Aggregates',
    `Only in \`fields\` of [aggregate](operators/aggregate.md): ${aggregates}.`,
  )
}

function errorsPage(): string {
  const rows = Object.entries(errorTable).map(([code, { kind, help }]) => [
    `\`${code}\``,
    kind,
    help,
  ])
  return page('Error codes', table(['code', 'kind', ''], rows))
}

function eventsPage(): string {
  const rows = Object.entries(hookEvents).map(([event, says]) => [`\`${event}\``, says])
  return page(
    'Events',
    'What `hooks` of a stage can listen to, in `on`.',
    table(['event', ''], rows),
    reliableEvents,
  )
}

const reliableEvents = `## Reliable hooks

With \`reliable: true\` an event is written to the topic \`<pipeline>.events\` in the commit of its cause, and
from there given to the listener: at least once, in order within a partition, also after a crash. It is a
CloudEvent 1.0 in structured JSON. \`id\` stays the same when it is told again; \`data\` is what expressions of
hooks see.

\`\`\`json
{
  "specversion": "1.0",
  "id": "orders.clean:record_dead_lettered:orders.raw/0/17@1767225600000000",
  "source": "/millrace/orders/clean",
  "type": "millrace.record_dead_lettered",
  "subject": "orders.raw/0/17",
  "time": "2026-01-01T00:00:00.000Z",
  "datacontenttype": "application/json",
  "dataschema": "urn:millrace:hook-event:1",
  "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  "data": {
    "event": { "event": "record_dead_lettered", "stage": "clean", "code": "RECORD_CAST", "offset": 17 },
    "value": { "amount": "n/a" }
  }
}
\`\`\`

A listener whose peer is away (no answer, 429, 5xx, a broken connection, exit code 75) is tried for ever, and
holds up nothing but itself. One that refuses an event \`retry.max\` times of its stage finds it in
\`<pipeline>.events.dlq\`. \`batch_processed\`, \`stage_started\` and \`stage_stopped\` cannot be told so. Other
stages and programs may read the topic as well; it is kept for 7 days unless \`topics:\` says otherwise.`

function indexPage(definitions: Definitions): string {
  const parts = kinds.flatMap((kind) => [
    `## ${kind.charAt(0).toUpperCase()}${kind.slice(1)}`,
    (definitions[kind] as readonly DocumentedDefinition[])
      .map(({ type, summary }) => `- [${type}](${kind}/${type}.md): ${summary}`)
      .join('\n'),
  ])
  return page(
    'Reference',
    'Written by `npm run gen` from the definitions in `src/`.',
    '- [The pipeline file](pipeline.md)\n- [Expressions](expressions.md)\n- [Events](events.md)\n- [Error codes](errors.md)\n- [Metrics](metrics.md)',
    ...parts,
  )
}
