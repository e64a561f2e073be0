import { readdirSync, readFileSync, statSync } from 'node:fs'
import { isAbsolute, join, relative, resolve } from 'node:path'
import { TextDecoder } from 'node:util'
import { messageOf, PipelineError } from '../core/errors.ts'

/** A pipeline file as the command line names it. */
export interface PipelineFilePath {
  /** As messages show it: relative to the working directory where it lies below it. */
  readonly shown: string
  readonly absolute: string
}

export const maxFileBytes = 1_000_000
const yamlName = /\.ya?ml$/

/**
 * The files that a path of the command line stands for: itself, or for a folder its `*.yaml` and
 * `*.yml` in the order of their names.
 * @throws PipelineError CONFIG_UNREADABLE
 */
export function listPipelineFiles(path: string, cwd: string): PipelineFilePath[] {
  const absolute = resolve(cwd, path)
  if (!isFolder(absolute, path)) return [{ shown: shownPath(absolute, cwd), absolute }]
  const names = reading(path, () => readdirSync(absolute)).filter((name) => yamlName.test(name))
  if (names.length === 0) {
    throw unreadable(
      `${path}: the folder has no *.yaml file; name a pipeline file, or another folder`,
    )
  }
  return names.toSorted().map((name) => {
    const file = join(absolute, name)
    return { shown: shownPath(file, cwd), absolute: file }
  })
}

/** @throws PipelineError CONFIG_UNREADABLE, CONFIG_YAML */
export function readPipelineFile({ shown, absolute }: PipelineFilePath): string {
  const bytes = reading(shown, () => {
    const stat = statSync(absolute)
    if (!stat.isFile()) throw new Error('it is no file')
    if (stat.size > maxFileBytes)
      throw new Error(`it has ${stat.size} bytes; a pipeline file has at most ${maxFileBytes}`)
    return readFileSync(absolute)
  })
  if (bytes.includes(0)) {
    throw new PipelineError(
      'CONFIG_YAML',
      `${shown}: it is a binary file, not YAML; name a pipeline file`,
    )
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new PipelineError('CONFIG_YAML', `${shown}: it is not UTF-8 text; save it as UTF-8`)
  }
}

function isFolder(absolute: string, path: string): boolean {
  return reading(path, () => statSync(absolute)).isDirectory()
}

function reading<Result>(path: string, read: () => Result): Result {
  try {
    return read()
  } catch (error) {
    throw unreadable(`reading ${path}: ${reasonOf(error)}`)
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file; check the path',
  EACCES: 'this user may not read it; change its permissions',
  EPERM: 'this user may not read it; change its permissions',
}

function reasonOf(error: unknown): string {
  return reasons[String((error as NodeJS.ErrnoException).code)] ?? messageOf(error)
}

function unreadable(message: string): PipelineError {
  return new PipelineError('CONFIG_UNREADABLE', message)
}

function shownPath(absolute: string, cwd: string): string {
  const below = relative(cwd, absolute)
  return below.startsWith('..') || isAbsolute(below) ? absolute : below
}
