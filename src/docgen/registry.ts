import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A registry lists the definitions of some folders: static imports, so that every tool sees them. */
export interface Registry {
  /** From the root of the repository. */
  readonly file: string
  /** Folders with one definition per file; other files in them are parts of these. */
  readonly folders: readonly string[]
  readonly list: keyof import('../core/definitions.ts').Definitions
  readonly type: string
  readonly typeFile: string
  readonly define: readonly string[]
  /** Ends of the definition's name behind that of its file; the first that the file exports. */
  readonly suffixes: readonly string[]
}

export const registries: readonly Registry[] = [
  {
    file: 'src/operators/registry.generated.ts',
    folders: ['cleaning', 'pacing', 'calling', 'analysis'].map((name) => `src/operators/${name}`),
    list: 'operators',
    type: 'OperatorDefinition',
    typeFile: '../core/operator.ts',
    define: ['defineStateless', 'defineStateful', 'defineAsync'],
    // A file named after a reserved word cannot export that word.
    suffixes: ['', 'Operator'],
  },
  {
    file: 'src/endpoints/sources/registry.generated.ts',
    folders: ['src/endpoints/sources'],
    list: 'sources',
    type: 'SourceDefinition',
    typeFile: '../../core/endpoints.ts',
    define: ['defineSource'],
    suffixes: ['Source'],
  },
  {
    file: 'src/endpoints/sinks/registry.generated.ts',
    folders: ['src/endpoints/sinks'],
    list: 'sinks',
    type: 'SinkDefinition',
    typeFile: '../../core/endpoints.ts',
    define: ['defineSink'],
    suffixes: ['Sink'],
  },
  {
    file: 'src/hooks/registry.generated.ts',
    folders: ['src/hooks'],
    list: 'listeners',
    type: 'ListenerDefinition',
    typeFile: '../core/hook.ts',
    define: ['defineListener'],
    suffixes: ['Listener'],
  },
]

export interface RegistryEntry {
  /** From the root of the repository. */
  readonly file: string
  readonly stem: string
  readonly exportName: string
}

/** @throws Error when a definition has another name than its file. */
export function registryEntries(root: string, registry: Registry): RegistryEntry[] {
  return registry.folders.flatMap((folder) => {
    if (!existsSync(join(root, folder))) return []
    const names = readdirSync(join(root, folder))
      .filter((name) => isSource(name))
      .toSorted()
    return names.flatMap((name) => entryOf({ root, folder, name, registry }))
  })
}

function isSource(name: string): boolean {
  return name.endsWith('.ts') && !name.endsWith('.generated.ts')
}

function entryOf(at: {
  root: string
  folder: string
  name: string
  registry: Registry
}): RegistryEntry[] {
  const { root, folder, name, registry } = at
  const file = `${folder}/${name}`
  const stem = name.slice(0, -'.ts'.length)
  const text = readFileSync(join(root, file), 'utf8')
  const allowed = registry.suffixes.map((suffix) => camelCase(stem) + suffix)
  const defined = new RegExp(
    `^export const (\\w+) = (?:${registry.define.join('|')})\\(`,
    'm',
  ).exec(text)?.[1]
  if (defined === undefined) return []
  if (!allowed.includes(defined)) {
    throw new Error(
      `${file}: the definition is called ${defined}; by its file it is ${allowed.join(' or ')}`,
    )
  }
  return [{ file, stem, exportName: defined }]
}

export function registryText(registry: Registry, entries: readonly RegistryEntry[]): string {
  const folder = registry.file.slice(0, registry.file.lastIndexOf('/') + 1)
  const imports = entries.map(({ file, exportName }) => {
    return `import { ${exportName} } from './${file.slice(folder.length)}'`
  })
  const names = entries.map(({ exportName }) => `  ${exportName},\n`).join('')
  const list = names === '' ? '[]' : `[\n${names}]`
  return [
    '// Written by `npm run gen`.',
    `import type { ${registry.type} } from '${registry.typeFile}'`,
    ...imports,
    '',
    `export const ${registry.list}: readonly ${registry.type}[] = ${list}`,
    '',
  ].join('\n')
}

function camelCase(stem: string): string {
  return stem.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
}
