import { checkSetting, type CheckContext } from './check-setting.ts'
import { bareSettings, takesBareName, type NamedDefinition } from './component-schema.ts'
import { describeNode, type ConfigNode, type MapNode } from './config-node.ts'
import { didYouMean } from '../core/nearest-name.ts'
import type { Component, ConfigPath } from './pipeline-spec.ts'
import { findingForWord, type Place } from './wrong-words.ts'

export interface ComponentOptions<Definition> {
  readonly context: CheckContext
  readonly path: ConfigPath
  readonly definitions: readonly Definition[]
  /** What is read, in the words of messages. */
  readonly place: Place
  /** Keys that stand beside the component's own. */
  readonly extras: readonly string[]
}

/** Reads `name: setting` or a bare `name`; undefined where it has errors, which are reported. */
export function readComponent<Definition extends NamedDefinition>(
  node: ConfigNode,
  options: ComponentOptions<Definition>,
): Component<Definition> | undefined {
  const named = readComponents(node, options)
  const { path } = options
  if (named.length > 1) return refuseSeveral(named, options)
  const [component] = named
  if (component === undefined) return undefined
  const definition = findDefinition(component, options)
  if (definition === undefined) return undefined
  const config =
    component.node === null
      ? readBare(definition, { path, options })
      : readSetting(definition, component.node, { path: component.keyPath, options })
  return config === null ? undefined : { definition, config: config.value, path: component.keyPath }
}

/** Two components in one place, or one with something unknown beside it. */
function refuseSeveral<Definition extends NamedDefinition>(
  named: readonly Named[],
  options: ComponentOptions<Definition>,
): undefined {
  const { context, place, extras } = options
  const types = new Set(options.definitions.map(({ type }) => type))
  const known = named.filter(({ name }) => types.has(name))
  if (known.length === 1 && extras.length > 0) {
    for (const { name, keyPath } of named) {
      if (types.has(name)) continue
      const message = `no setting beside an operator is called "${name}"${didYouMean(name, [...extras, ...types])} (allowed are ${extras.join(', ')})`
      const said = findingForWord(name, place) ?? { code: 'CONFIG_UNKNOWN_KEY' as const, message }
      context.findings.atKey(keyPath, said)
    }
    return undefined
  }
  const names = named.map(({ name }) => `"${name}"`).join(' and ')
  context.findings.atKey(named[1]!.keyPath, {
    code: 'CONFIG_INVALID',
    message: `a ${place} has one ${nounOf(place)}, but here are ${names}`,
    hint: place.endsWith('step') ? 'begin each on a line of its own with "- "' : undefined,
  })
  return undefined
}

function nounOf(place: Place): string {
  if (place === 'step') return 'operator'
  return place === 'test step' ? 'action' : 'type'
}

interface Named {
  readonly name: string
  /** null for a bare name. */
  readonly node: ConfigNode | null
  readonly keyPath: ConfigPath
}

/** What a node names; nothing, after a report, where it names nothing. */
function readComponents<Definition extends NamedDefinition>(
  node: ConfigNode,
  options: ComponentOptions<Definition>,
): Named[] {
  const { context, path, place, definitions } = options
  if (node.kind === 'scalar' && typeof node.value === 'string') {
    return [{ name: node.value, node: null, keyPath: path }]
  }
  const named = node.kind === 'map' ? entriesOf(node, options) : []
  if (named.length > 0 || (node.kind === 'scalar' && node.problem !== null)) return named
  const [example = { type: 'NAME' }] = definitions
  context.findings.at(path, {
    code: 'CONFIG_INVALID',
    message: `a ${place} is named by its key, such as "${example.type}: SETTING", but this is ${describeNode(node)}`,
    hint:
      definitions.length === 0
        ? undefined
        : `allowed are ${definitions.map(({ type }) => type).join(', ')}`,
  })
  return []
}

function entriesOf<Definition>(
  node: MapNode,
  { context, path, extras }: ComponentOptions<Definition>,
): Named[] {
  const named: Named[] = []
  for (const [name, entry] of node.entries) {
    if (name.startsWith('x-')) context.ignored.add(entry)
    else if (!extras.includes(name))
      named.push({ name, node: entry.value, keyPath: [...path, name] })
  }
  return named
}

const nouns: Readonly<Partial<Record<Place, string>>> = {
  step: 'operator',
  connection: 'kind of connection',
}

function findDefinition<Definition extends NamedDefinition>(
  { name, node, keyPath }: Named,
  { context, definitions, place }: ComponentOptions<Definition>,
): Definition | undefined {
  const found = definitions.find(({ type }) => type === name)
  if (found !== undefined) return found
  const names = definitions.map(({ type }) => type)
  const noun = nouns[place] ?? place
  const finding = findingForWord(name, place) ?? {
    code: 'CONFIG_UNKNOWN_OPERATOR' as const,
    message: `no ${noun} is called "${name}"${didYouMean(name, names)}`,
    hint: names.length === 0 ? undefined : `allowed are ${names.join(', ')}`,
  }
  if (node === null) context.findings.at(keyPath, finding)
  else context.findings.atKey(keyPath, finding)
  return undefined
}

interface SettingPlace<Definition> {
  readonly path: ConfigPath
  readonly options: ComponentOptions<Definition>
}

function readBare<Definition extends NamedDefinition>(
  definition: Definition,
  { path, options }: SettingPlace<Definition>,
): { value: unknown } | null {
  for (const setting of bareSettings) {
    const result = definition.config.safeParse(setting)
    if (result.success) return { value: result.data }
  }
  options.context.findings.at(path, {
    code: 'CONFIG_INVALID',
    message: `the ${options.place} "${definition.type}" needs a setting: "${definition.type}: SETTING"`,
  })
  return null
}

function readSetting<Definition extends NamedDefinition>(
  definition: Definition,
  node: ConfigNode,
  { path, options }: SettingPlace<Definition>,
): { value: unknown } | null {
  const isNothing = node.kind === 'scalar' && node.value === null && node.problem === null
  const takesNull = isNothing && !node.isEmpty && definition.config.safeParse(null).success
  if (isNothing && !takesNull && (node.isEmpty || takesBareName(definition))) {
    return readBare(definition, { path, options })
  }
  return checkSetting(definition.config, node, { ...options.context, path })
}
