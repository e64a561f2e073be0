import { didYouMean } from '../core/nearest-name.ts'
import { checkHooks } from './check-hooks.ts'
import { checkOutputs } from './check-outputs.ts'
import { checkTests } from './check-tests.ts'
import { childOf, nodeAt, type ConfigNode } from './config-node.ts'
import { requiredSetting } from './connection-schema.ts'
import { connectionsUsed, type ConnectionUse } from './connections-used.ts'
import type { Findings } from './findings.ts'
import type { PipelineSpec, StageSpec } from './pipeline-spec.ts'
import { tablesUsed } from './tables-used.ts'

/** Rules that reach beyond one setting, of what every pipeline file has to fulfil. */
export function checkPipeline(spec: PipelineSpec, root: ConfigNode, findings: Findings): void {
  const stages = childOf(root, 'stages')
  const firstByName = new Map<string, number>()
  for (const [index, stage] of spec.stages.entries()) {
    const node = stages === undefined ? undefined : childOf(stages, index)
    if (node !== undefined) checkStage(stage, node, findings)
    checkHooks(stage, root, findings)
    const first = firstByName.get(stage.name)
    if (first === undefined) {
      firstByName.set(stage.name, index)
      continue
    }
    findings.at([...stage.path, 'name'], {
      code: 'CONFIG_INVALID',
      message: `stages[${first}] has the name "${stage.name}" already`,
    })
  }
  checkTopics(spec, root, findings)
  checkConnections(spec, root, findings)
  checkTables(spec, root, findings)
  checkTests(spec, root, findings)
}

function checkTopics(spec: PipelineSpec, root: ConfigNode, findings: Findings): void {
  for (const [name, { cleanup }] of spec.topics) {
    const path = ['topics', name, 'retention']
    if (cleanup !== 'compact' || nodeAt(root, path) === undefined) continue
    findings.atKey(path, {
      code: 'CONFIG_INVALID',
      message:
        'a compacted topic keeps the last record of each key, however old it is: leave out "retention"',
    })
  }
}

/** Asked of the file: a connection with errors of its own is still there. */
function checkConnections(spec: PipelineSpec, root: ConfigNode, findings: Findings): void {
  const { log } = spec
  const connections = nodeAt(root, ['connections'])
  const names = connections?.kind === 'map' ? [...connections.entries.keys()] : []
  const ofLog: ConnectionUse[] =
    log === null || typeof log === 'string'
      ? []
      : [{ name: log.connection, type: 'kafka', path: ['log', 'kafka'] }]
  for (const { name, type, path } of [...ofLog, ...connectionsUsed(spec)]) {
    const found = spec.connections.get(name)
    const code = 'CONFIG_INVALID'
    if (!names.includes(name)) {
      const message = `no connection is called "${name}"${didYouMean(name, names)}`
      const hint = `name it under "connections:", with "${type}:" and "${requiredSetting[type]}:" below`
      findings.at(path, { code, message, hint })
    } else if (found !== undefined && found.type !== type) {
      const message = `the connection "${name}" is of type ${found.type}, and here one of type ${type} is needed`
      const fitting = names.filter((other) => spec.connections.get(other)?.type === type)
      const hint = fitting.length === 0 ? undefined : `of this type are ${fitting.join(', ')}`
      findings.at(path, { code, message, hint })
    }
  }
}

/** Asked of the file, as for connections. */
function checkTables(spec: PipelineSpec, root: ConfigNode, findings: Findings): void {
  const tables = nodeAt(root, ['tables'])
  const names = tables?.kind === 'map' ? [...tables.entries.keys()] : []
  for (const { name, path } of tablesUsed(spec)) {
    if (names.includes(name)) continue
    findings.at(path, {
      code: 'CONFIG_INVALID',
      message: `no table is called "${name}"${didYouMean(name, names)}`,
      hint: 'name it under "tables:", with "file:" or "http:" below',
    })
  }
}

/** Presence is asked of the file: a source with errors of its own is still there. */
function checkStage(stage: StageSpec, node: ConfigNode, findings: Findings): void {
  const has = (name: string): boolean => childOf(node, name) !== undefined
  const refuse = (name: string | null, message: string): void => {
    const finding = { code: 'CONFIG_INVALID' as const, message }
    if (name === null) findings.at(stage.path, finding)
    else findings.atKey([...stage.path, name], finding)
  }
  const what = `the stage "${stage.name}"`
  if (!has('from') && !has('source')) {
    refuse(null, `${what} reads nothing: it needs "from: TOPIC" or "source: { TYPE: ... }"`)
  }
  if (has('from') && has('source')) {
    refuse('from', `${what} has both "from" and "source"; it reads one of them`)
  }
  if (!has('steps') && !has('to') && !has('sink')) {
    refuse(null, `${what} does nothing: it needs "steps", "to" or "sink"`)
  }
  if (has('to') && has('sink')) {
    refuse('to', `${what} has both "to" and "sink"; for both, add a stage that reads the topic`)
  }
  if (has('encode') && !has('to')) {
    refuse('encode', `${what} writes no topic; "encode" says how values are written to "to"`)
  }
  checkOutputs(stage, node, findings)
  const { initialMs, maxMs } = stage.retry.backoff
  if (initialMs > maxMs) {
    refuse(
      'retry',
      `the first pause of ${what} (${initialMs} ms) is longer than the longest (${maxMs} ms)`,
    )
  }
  const stateful = stage.steps.find(({ definition }) => definition.kind === 'stateful')
  if (stateful !== undefined && has('delivery') && stage.delivery === 'at_least_once') {
    findings.at([...stage.path, 'delivery'], {
      code: 'CONFIG_INVALID',
      message:
        `${what} keeps state ("${stateful.definition.type}") and commits exactly once: after a crash it ` +
        'could not tell repeated records from new ones; leave out "delivery"',
    })
  }
  const [, second] = stage.steps.filter(({ definition }) => definition.type === 'aggregate')
  if (second !== undefined) {
    findings.atKey(second.path, {
      code: 'CONFIG_INVALID',
      message: `${what} has two aggregates; a stage has one, so give the second a stage of its own`,
    })
  }
}
