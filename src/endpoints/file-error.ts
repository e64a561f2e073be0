import { messageOf, PipelineError } from '../core/errors.ts'

export function errnoOf(thrown: unknown): string | null {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : null
  return typeof code === 'string' ? code : null
}

/** What the user can do about an error of the file system, by its code. */
const openErrors: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist; check the path, which is relative to the pipeline file',
  ENOTDIR: 'a part of the path is no folder; check the path',
  EEXIST: 'a part of the path is no folder; check the path',
  EACCES: 'there is no permission; change the permissions of the file or of its folders',
  EPERM: 'there is no permission; change the permissions of the file or of its folders',
  EROFS: 'its file system is read-only; choose a path on another one',
  EISDIR: 'it is a folder; name a file in it',
  ELOOP: 'its symbolic links lead round in a circle',
  ENAMETOOLONG: 'its name is too long',
}

/** The error of opening a file: the user named it, so that the user can put it right. */
export function openError(doing: string, path: string, thrown: unknown): PipelineError {
  if (thrown instanceof PipelineError) return thrown
  const hint = openErrors[errnoOf(thrown) ?? '']
  if (hint === undefined) return ioError(doing, path, thrown)
  return new PipelineError('CONFIG_FILE', `${doing} ${path}: ${hint}`, { cause: thrown })
}

/** The error of reading or writing a file that was open already. */
export function ioError(doing: string, path: string, thrown: unknown): PipelineError {
  if (thrown instanceof PipelineError) return thrown
  const message = `${doing} ${path}: ${messageOf(thrown)}`
  return new PipelineError('FILE_FAILED', message, { cause: thrown })
}
