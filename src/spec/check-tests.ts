import { z } from 'zod'
import { hookEvents } from '../core/hook.ts'
import { didYouMean } from '../core/nearest-name.ts'
import { checkSetting } from './check-setting.ts'
import { nodeAt, type ConfigNode } from './config-node.ts'
import type { Findings } from './findings.ts'
import type { ConfigPath, PipelineSpec } from './pipeline-spec.ts'
import { topicsNamedBy } from './stage-outputs.ts'

/** What a test sends to and expects of has to be in the pipeline. */
export function checkTests(spec: PipelineSpec, root: ConfigNode, findings: Findings): void {
  const topics = topicNames(spec)
  const targets = spec.stages.filter(({ source }) => source !== null).map(({ name }) => name)
  const outcomes = spec.stages.filter(({ sink }) => sink !== null).map(({ name }) => name)
  const sendNames = new Set([...targets, ...topics])
  const expectNames = new Set([...outcomes, ...topics, ...outcomeNames, ...Object.keys(hookEvents)])
  for (const step of spec.tests.flatMap(({ steps }) => steps)) {
    if (step.kind === 'send') {
      for (const name of step.to.keys()) {
        checkName(name, { known: sendNames, spec, path: [...step.path, name], findings })
        checkRecords([...step.path, name], root, findings)
      }
    } else if (step.kind === 'fail') {
      for (const name of step.of.keys()) {
        if (outcomes.includes(name)) continue
        const known = outcomes.length === 0 ? 'there is none' : `there are ${outcomes.join(', ')}`
        findings.atKey([...step.path, name], {
          code: 'CONFIG_INVALID',
          message: `"${name}" is no stage with a sink${didYouMean(name, outcomes)}`,
          hint: `only the peer of a sink can fail here; ${known}`,
        })
      }
    } else if (step.kind === 'expect') {
      for (const name of step.of.keys()) {
        checkName(name, { known: expectNames, spec, path: [...step.path, name], findings })
      }
    }
  }
}

/** What can be expected beside topics, events and sinks. */
const outcomeNames = ['dlq', 'late', 'filtered']

function topicNames(spec: PipelineSpec): string[] {
  return [...spec.topics.keys(), ...spec.stages.flatMap(topicsNamedBy)]
}

interface NameOptions {
  readonly known: ReadonlySet<string>
  readonly spec: PipelineSpec
  readonly path: ConfigPath
  readonly findings: Findings
}

function checkName(name: string, { known, spec, path, findings }: NameOptions): void {
  // Topics that the compiler inserts, such as `<pipeline>.<stage>.dlq`.
  const { namespace, pipeline } = spec
  const internal = namespace === '' ? `${pipeline}.` : `${namespace}.${pipeline}.`
  if (known.has(name) || name.startsWith(internal)) return
  findings.atKey(path, {
    code: 'CONFIG_INVALID',
    message: `nothing here is called "${name}"${didYouMean(name, known)}`,
    hint: `known are ${[...known].join(', ')}`,
  })
}

const forms = ['$record', '$raw']

const recordSchema = z.strictObject({
  key: z.string().nullable().optional(),
  value: z.unknown().optional(),
  headers: z.record(z.string(), z.string()).optional(),
  timestamp: z.union([z.string(), z.number()]).optional(),
})

function checkRecords(path: ConfigPath, root: ConfigNode, findings: Findings): void {
  const list = nodeAt(root, path)
  if (list?.kind !== 'list') return
  for (const [index, record] of list.items.entries())
    checkRecord(record, [...path, index], findings)
}

/** A bare item is a value; one with `$record` or `$raw` says more, and has nothing beside it. */
function checkRecord(record: ConfigNode, path: ConfigPath, findings: Findings): void {
  if (record.kind !== 'map') return
  const names = [...record.entries.keys()]
  const form = names.find((name) => name.startsWith('$'))
  if (form === undefined) return
  if (names.length > 1 || !forms.includes(form)) {
    findings.at(path, {
      code: 'CONFIG_INVALID',
      message: forms.includes(form)
        ? `"${form}" stands alone: the rest of the record goes inside`
        : `a record has no "${form}"${didYouMean(form, forms)}`,
      hint: 'a record is a value, "$record: { key, value, headers, timestamp }" or "$raw: TEXT"',
    })
    return
  }
  const schema = form === '$raw' ? z.string() : recordSchema
  const inside = record.entries.get(form)!.value
  checkSetting(schema, inside, { findings, ignored: new Set(), path: [...path, form] })
}
