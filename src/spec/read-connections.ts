import { isPem } from '../core/kafka-connection.ts'
import type { CheckContext } from './check-setting.ts'
import { childOf, nodeAt, type ConfigNode } from './config-node.ts'
import { connectionDefinitions } from './connection-schema.ts'
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
    refuseWrittenSecrets(entry.value, path, context)
    if (component === undefined) continue
    const settings = component.config as ConnectionSpec['settings']
    connections.set(name, { settings, path: component.path })
  }
  return connections
}

const passwordPath = ['kafka', 'sasl', 'password']
const keyPath = ['kafka', 'tls', 'key']

/** Pipeline files are shared and kept: what is in them is no secret. */
function refuseWrittenSecrets(
  node: ConfigNode,
  path: ConfigPath,
  { findings }: CheckContext,
): void {
  const refuse = (below: readonly string[], what: string, isWritten: (text: string) => boolean) => {
    const scalar = nodeAt(node, below)
    if (scalar?.kind !== 'scalar' || scalar.isSecret || scalar.problem !== null) return
    if (typeof scalar.value === 'string' && !isWritten(scalar.value)) return
    findings.at([...path, ...below], {
      code: 'CONFIG_INVALID',
      message: `${what} does not stand in the file, it is named: \${secret:NAME}`,
      hint: 'NAME is an environment variable, or a file of the secrets folder',
    })
  }
  refuse(passwordPath, 'a password', () => true)
  refuse(keyPath, 'a private key', isPem)
}
