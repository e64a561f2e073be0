import { cpSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { Workspace } from './cli-process.ts'

const root = process.cwd()

/** A folder with the example pipelines and the data that they read, to write `out/` and `.millrace/` into. */
export function exampleWorkspace(): Workspace {
  const workspace = new Workspace()
  cpSync(join(root, 'pipelines'), workspace.path('pipelines'), { recursive: true })
  symlinkSync(join(root, 'node_modules'), workspace.path('node_modules'))
  return workspace
}

/** Data of the examples, read without any code of the pipelines. */
export function dataFile(name: string): string {
  return readFileSync(join(root, 'node_modules/vega-datasets/data', name), 'utf8')
}
