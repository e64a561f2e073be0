import type { CheckContext } from './check-setting.ts'
import { childOf, nodeAt, type ConfigNode } from './config-node.ts'
import {
  connectionDefinitions,
  secretSettings,
  type ParsedConnection,
  type SecretSetting,
} from './connection-schema.ts'
import type { ConfigPath, ConnectionSpec } from './pipeline-spec.ts'
import { readComponent } from './read-component.ts'

/** The servers of a file by name; one with errors, which are reported, is missing. */
export function readConnections(
  root: ConfigNode,
  context: CheckContext,
): Map<string, ConnectionSpec> {
  const connections = new Map<string, ConnectionSpec>()
  const node = childOf(root, 'connections')
  if (node?.kind !== 'map') return connections
  for (const [name, entry] of node.entries) {
    if (context.ignored.has(entry)) continue
    const path = ['connections', name]
    const component = readComponent(entry.value, {
      context,
      path,
      definitions: connectionDefinitions,
      place: 'connection',
      extras: [],
    })
    for (const [type, secrets] of Object.entries(secretSettings)) {
      const settings = childOf(entry.value, type)
      if (settings !== undefined)
        refuseWritten(secrets, settings, { path: [...path, type], context })
    }
    if (component === undefined) continue
    // Each definition parses the settings of its own type.
    const parsed = {
      type: component.definition.type,
      settings: component.config,
    } as ParsedConnection
    connections.set(name, { ...parsed, path: component.path })
  }
  return connections
}

/** Pipeline files are shared and kept: what is in them is no secret. */
function refuseWritten(
  secrets: readonly SecretSetting[],
  settings: ConfigNode,
  { path, context }: { path: ConfigPath; context: CheckContext },
): void {
  for (const { path: below, what, isSecret } of secrets) {
    const scalar = nodeAt(settings, below)
    if (scalar?.kind !== 'scalar' || scalar.isSecret || scalar.problem !== null) continue
    if (typeof scalar.value === 'string' && !isSecret(scalar.value)) continue
    context.findings.at([...path, ...below], {
      code: 'CONFIG_INVALID',
      message: `${what} does not stand in the file, it is named: \${secret:NAME}`,
      hint: 'NAME is an environment variable, or a file of the secrets folder',
    })
  }
}
