import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The laws run from the root of the repository, as all tests do. */
export const root = process.cwd()

export interface SourceFile {
  /** Relative to the root, with `/`. */
  readonly path: string
  readonly text: string
}

/** The TypeScript files under a folder of the root, written by hand. */
export function sourceFiles(folder: 'src' | 'test'): readonly SourceFile[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .filter((entry) => !entry.name.endsWith('.generated.ts'))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .toSorted()
    .map((path) => ({ path, text: readText(path) }))
}

/** All files but those that `.gitignore` names; without asking git, which may not be there. */
export function repositoryFiles(): readonly string[] {
  const ignored = readText('.gitignore')
    .split('\n')
    .filter((line) => line !== '')
  const isIgnored = (name: string) =>
    name === '.git' ||
    ignored.some((line) =>
      line.startsWith('*') ? name.endsWith(line.slice(1)) : name === line.replace(/\/$/, ''),
    )
  const filesIn = (folder: string): string[] =>
    readdirSync(join(root, folder), { withFileTypes: true })
      .filter((entry) => !isIgnored(entry.name))
      .flatMap((entry) => {
        const path = folder === '' ? entry.name : `${folder}/${entry.name}`
        return entry.isDirectory() ? filesIn(path) : [path]
      })
  return filesIn('')
}

export function readText(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

/** The violations as one readable message; empty when there are none. */
export function report(violations: readonly string[]): string {
  return violations.join('\n')
}
