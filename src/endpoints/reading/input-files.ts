import { globSync, lstatSync, statSync, type Stats } from 'node:fs'
import { normalize } from 'node:path'
import { PipelineError } from '../../core/errors.ts'
import type { FilePath } from '../../core/expression.ts'

const globCharacters = /[*?[\]{}]/

/**
 * The files that paths and patterns name, sorted by path, each once. A path without a pattern is
 * given back as it is, whether or not there is such a file; folders that a pattern matches are not.
 * @throws PipelineError CONFIG_FILE when a pattern matches no file.
 */
export function listInputFiles(paths: readonly FilePath[]): string[] {
  return inOrder(
    paths.map((path) => {
      const files = expand(path)
      if (files.length > 0) return files
      const message = `no file matches ${path.source} (looked in ${splitPattern(path).folder}); check the path, which is relative to the pipeline file`
      throw new PipelineError('CONFIG_FILE', message)
    }),
  )
}

/** The same of files that may not be there yet. */
export function findInputFiles(paths: readonly FilePath[]): string[] {
  return inOrder(paths.map(expand))
}

function inOrder(files: readonly (readonly string[])[]): string[] {
  return [...new Set(files.flat())].toSorted()
}

/** Empty where a pattern matches nothing. */
function expand(path: FilePath): readonly string[] {
  const { absolute } = path
  if (!globCharacters.test(path.source) || statOf(absolute) !== null) return [absolute]
  const { folder, pattern } = splitPattern(path)
  return globSync(pattern, { cwd: folder })
    .map((match) => (match.startsWith('/') ? match : folder + match))
    .filter((match) => statSync(match, { throwIfNoEntry: false })?.isDirectory() !== true)
}

/** The folder of the pipeline file is no part of the pattern, whatever characters its name has. */
function splitPattern({ source, absolute }: FilePath): { folder: string; pattern: string } {
  const pattern = normalize(source)
  const folder = absolute.endsWith(`/${pattern}`) ? absolute.slice(0, -pattern.length) : '/'
  return { folder, pattern: folder === '/' ? absolute : pattern }
}

function statOf(path: string): Stats | null {
  return lstatSync(path, { throwIfNoEntry: false }) ?? null
}

/** @throws PipelineError CONFIG_FILE when it is no regular file. */
export function requireRegularFile(stats: Stats, path: string): void {
  if (stats.isFile()) return
  const message = stats.isDirectory()
    ? `${path} is a folder; name the files in it, such as ${path.replace(/\/$/, '')}/*.ndjson`
    : `${path} is ${kindOf(stats)}, no regular file; pipe it into the run and use the source stdin`
  throw new PipelineError('CONFIG_FILE', message)
}

export function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a folder'
  if (stats.isFIFO()) return 'a named pipe'
  if (stats.isSocket()) return 'a socket'
  return 'a device'
}
