import { hookEvents } from '../core/hook.ts'
import { didYouMean } from '../core/nearest-name.ts'
import type { Findings } from './findings.ts'
import type { ConfigPath, PipelineSpec } from './pipeline-spec.ts'

/** What a test sends to and expects of has to be in the pipeline. */
export function checkTests(spec: PipelineSpec, findings: Findings): void {
  const topics = topicNames(spec)
  const targets = spec.stages.filter(({ source }) => source !== null).map(({ name }) => name)
  const outcomes = spec.stages.filter(({ sink }) => sink !== null).map(({ name }) => name)
  const sendNames = new Set([...targets, ...topics])
  const expectNames = new Set([...outcomes, ...topics, ...outcomeNames, ...Object.keys(hookEvents)])
  for (const step of spec.tests.flatMap(({ steps }) => steps)) {
    if (step.kind === 'send') {
      for (const [name, records] of step.to) {
        checkName(name, { known: sendNames, spec, path: [...step.path, name], findings })
        checkRecords(records, [...step.path, name], findings)
      }
    } else if (step.kind === 'expect') {
      for (const name of step.of.keys()) {
        checkName(name, { known: expectNames, spec, path: [...step.path, name], findings })
      }
    }
  }
}

/** What can be expected beside topics, events and sinks. */
const outcomeNames = ['dlq', 'late', 'filtered', 'events']

function topicNames(spec: PipelineSpec): string[] {
  const used = spec.stages.flatMap(({ from, to, dlq, late }) => [...from, to, dlq, late])
  return [...spec.topics.keys(), ...used.filter((name) => name !== null)]
}

interface NameOptions {
  readonly known: ReadonlySet<string>
  readonly spec: PipelineSpec
  readonly path: ConfigPath
  readonly findings: Findings
}

function checkName(name: string, { known, spec, path, findings }: NameOptions): void {
  // Topics that the compiler inserts, such as `<pipeline>.<stage>.dlq`.
  if (known.has(name) || name.startsWith(`${spec.pipeline}.`)) return
  findings.atKey(path, {
    code: 'CONFIG_INVALID',
    message: `nothing here is called "${name}"${didYouMean(name, known)}`,
    hint: `known are ${[...known].join(', ')}`,
  })
}

const forms = ['$record', '$raw']

/** A bare item is a value; one with `$record` or `$raw` says more, and has nothing beside it. */
function checkRecords(records: readonly unknown[], path: ConfigPath, findings: Findings): void {
  for (const [index, record] of records.entries()) {
    if (typeof record !== 'object' || record === null || Array.isArray(record)) continue
    const names = Object.keys(record)
    const form = names.find((name) => name.startsWith('$'))
    if (form === undefined || (names.length === 1 && forms.includes(form))) continue
    findings.at([...path, index], {
      code: 'CONFIG_INVALID',
      message: forms.includes(form)
        ? `"${form}" stands alone: the rest of the record goes inside`
        : `a record has no "${form}"${didYouMean(form, forms)}`,
      hint: 'a record is a value, "$record: { key, value, headers, timestamp }" or "$raw: TEXT"',
    })
  }
}
