import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Definitions } from '../core/definitions.ts'
import { invariant } from '../core/errors.ts'
import { dashboardJson } from './dashboards/dashboard-json.ts'
import { deadLetters } from './dashboards/dead-letters.ts'
import { lag } from './dashboards/lag.ts'
import { overview } from './dashboards/overview.ts'
import { stageDetail } from './dashboards/stage-detail.ts'
import { pipelineJsonSchema } from './json-schema.ts'
import { referencePages, type FunctionGroup } from './reference-pages.ts'
import { registries, registryEntries, registryText, type RegistryEntry } from './registry.ts'

const dashboards = { overview, stage: stageDetail, 'dead-letters': deadLetters, lag }
const referenceFolder = 'schemas/reference'

/** Every generated file as it should be, by path from the root of the repository. */
export async function generatedFiles(root: string): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  const lists: Partial<Record<keyof Definitions, readonly unknown[]>> = {}
  for (const registry of registries) {
    const entries = registryEntries(root, registry)
    files.set(registry.file, registryText(registry, entries))
    lists[registry.list] = await Promise.all(entries.map((entry) => importDefinition(root, entry)))
  }
  const all = lists as Definitions
  files.set('schemas/pipeline.schema.json', `${JSON.stringify(pipelineJsonSchema(all), null, 2)}\n`)
  for (const [name, page] of referencePages(all, await importFunctions(root))) {
    files.set(`${referenceFolder}/${name}`, page)
  }
  for (const [name, dashboard] of Object.entries(dashboards))
    files.set(`deploy/grafana/dashboards/${name}.json`, dashboardJson(dashboard))
  return files
}

/** Pages in the reference folder of things that are no longer there. */
export function staleFiles(root: string, files: ReadonlyMap<string, string>): string[] {
  const folder = join(root, referenceFolder)
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${referenceFolder}/${name}`)
    .filter((name) => !files.has(name))
    .toSorted()
}

/** From the file itself and not from the registry, which may be stale or missing. */
async function importDefinition(
  root: string,
  { file, stem, exportName }: RegistryEntry,
): Promise<unknown> {
  const module = (await import(pathToFileURL(join(root, file)).href)) as Record<
    string,
    { type?: string }
  >
  const definition = module[exportName]
  invariant(definition?.type === stem, `${file}: the type of ${exportName} is not "${stem}"`)
  return definition
}

async function importFunctions(root: string): Promise<readonly FunctionGroup[]> {
  const file = join(root, 'src/expressions/functions.ts')
  const module = (await import(pathToFileURL(file).href)) as {
    functionGroups: readonly FunctionGroup[]
  }
  return module.functionGroups
}
