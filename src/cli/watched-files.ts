import { statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { FilePath, TextFile } from '../core/expression.ts'
import { listPipelineFiles } from './pipeline-files.ts'
import type { PipelineFile } from './load-topologies.ts'

/** Data comes and goes by itself; the expected values of tests change no run. */
const leftOut = new Set(['source', 'sink', 'tests', 'definition'])

/** Files that say what pipelines do: they themselves, and the modules, schemas and tables that they name. */
export function filesOf({ spec, absolute }: PipelineFile): string[] {
  const folder = dirname(absolute)
  return [absolute, ...pathsIn(spec).map((path) => resolve(folder, path))]
}

function pathsIn(config: unknown): string[] {
  if (config instanceof FilePath) return [config.source]
  if (config instanceof TextFile) return [config.path]
  if (config instanceof Map) return [...config.values()].flatMap(pathsIn)
  if (typeof config !== 'object' || config === null) return []
  return Object.entries(config).flatMap(([name, item]) => (leftOut.has(name) ? [] : pathsIn(item)))
}

/** Tells whether files have changed since they were looked at last, however an editor writes them. */
export class WatchedFiles {
  readonly #paths: readonly string[]
  readonly #cwd: string
  readonly #others: Set<string>
  #seen = ''

  /** @param paths as the command line names them: files, or folders. */
  constructor(paths: readonly string[], cwd: string) {
    this.#paths = paths
    this.#cwd = cwd
    this.#others = new Set()
    this.#seen = this.#look()
  }

  /** These are watched from now on too; none is forgotten, since it may come back. */
  add(files: readonly string[]): void {
    for (const file of files) this.#others.add(file)
    this.#seen = this.#look()
  }

  hasChanged(): boolean {
    const now = this.#look()
    const isOther = now !== this.#seen
    this.#seen = now
    return isOther
  }

  #look(): string {
    const listed = this.#paths.flatMap((path) => listedFiles(path, this.#cwd))
    return [...new Set([...listed, ...this.#others])]
      .map((file) => `${file} ${stamp(file)}`)
      .join('\n')
  }
}

/** A folder that is just being replaced has no files. */
function listedFiles(path: string, cwd: string): string[] {
  try {
    return listPipelineFiles(path, cwd).map(({ absolute }) => absolute)
  } catch {
    return [resolve(cwd, path)]
  }
}

/** An editor that writes a new file in the place of the old one gives it another number. */
function stamp(file: string): string {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false })
  return stat === undefined ? '-' : `${stat.ino} ${stat.size} ${stat.mtimeNs}`
}
