import type { HookEventName } from '../core/hook.ts'
import { nodeAt, type ConfigNode } from './config-node.ts'
import type { Findings } from './findings.ts'
import type { HookSpec, StageSpec } from './pipeline-spec.ts'

/** What a reliable hook cannot be told, with the reason. */
const neverReliable: Readonly<Partial<Record<HookEventName, string>>> = {
  batch_processed: 'it tells of a commit, so it cannot be a part of that commit',
  stage_started: 'it tells of a process, which may die before anything is committed',
  stage_stopped: 'it tells of a process, which may have died before anything could be committed',
}

/** Its topics would have the names of those of the events. */
const reservedStage = 'events'

/** Rules of the hooks of one stage beyond single settings. */
export function checkHooks(stage: StageSpec, root: ConfigNode, findings: Findings): void {
  const ids = new Set<string>()
  for (const hook of stage.hooks) {
    for (const listener of hook.listeners) checkSecrets(listener, root, findings)
    if (hook.reliable) checkReliable(hook, { stage, root, findings })
    if (ids.has(hook.id)) {
      const message = `two hooks of the stage "${stage.name}" have the id "${hook.id}"`
      findings.at(hook.path, { code: 'CONFIG_INVALID', message, hint: 'give one another "id:"' })
    }
    ids.add(hook.id)
  }
}

/** Pipeline files are shared and kept: what is in them is no secret. */
function checkSecrets(
  { definition, path }: HookSpec['listeners'][number],
  root: ConfigNode,
  findings: Findings,
): void {
  for (const below of definition.secrets ?? []) {
    const at = [...path, ...below]
    const node = nodeAt(root, at)
    const given = node?.kind === 'list' ? node.items : node === undefined ? [] : [node]
    for (const scalar of given) {
      if (scalar.kind !== 'scalar' || scalar.isSecret || scalar.problem !== null) continue
      findings.at(at, {
        code: 'CONFIG_INVALID',
        message: `"${below.join('.')}" does not stand in the file, it is named: \${secret:NAME}`,
        hint: 'NAME is an environment variable, or a file of the secrets folder',
      })
    }
  }
}

function checkReliable(
  hook: HookSpec,
  { stage, root, findings }: { stage: StageSpec; root: ConfigNode; findings: Findings },
): void {
  for (const event of hook.on) {
    const why = neverReliable[event]
    if (why === undefined) continue
    findings.atKey([...hook.path, 'on'], {
      code: 'CONFIG_INVALID',
      message: `\`${event}\` cannot be told reliably: ${why}`,
      hint: 'give it a hook of its own without "reliable"',
    })
  }
  if (nodeAt(root, [...hook.path, 'queue']) !== undefined) {
    findings.atKey([...hook.path, 'queue'], {
      code: 'CONFIG_INVALID',
      message:
        'the events of a reliable hook wait in their topic, not in a queue: leave out "queue"',
    })
  }
  if (stage.name === reservedStage) {
    findings.at([...stage.path, 'name'], {
      code: 'CONFIG_INVALID',
      message: `a stage with reliable hooks cannot be called "${reservedStage}": its dead letters would be those of the events`,
    })
  }
}
