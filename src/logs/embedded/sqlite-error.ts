import { messageOf, PipelineError } from '../../core/errors.ts'

/** Primary result codes of SQLite (sqlite.org/rescode.html); the low byte of an extended code. */
const primary = {
  busy: 5,
  readonly: 8,
  ioerr: 10,
  corrupt: 11,
  full: 13,
  cantopen: 14,
  notadb: 26,
} as const
/** Growing the file shared by readers and writer (`-shm`) found no room. Nothing was synced yet. */
const noRoomForShm = 4874

function extendedCode(thrown: unknown): number | null {
  if (!(thrown instanceof Error) || !('errcode' in thrown)) return null
  return typeof thrown.errcode === 'number' ? thrown.errcode : null
}

export function isBusy(thrown: unknown): boolean {
  return primaryCode(thrown) === primary.busy
}

export function isDiskFull(thrown: unknown): boolean {
  return primaryCode(thrown) === primary.full || extendedCode(thrown) === noRoomForShm
}

function primaryCode(thrown: unknown): number | null {
  const code = extendedCode(thrown)
  return code === null ? null : code & 0xff
}

/** What SQLite threw in the words of our table of errors; anything else is returned as it is. */
export function toPipelineError(thrown: unknown, doing: string): unknown {
  const code = primaryCode(thrown)
  if (code === null) return thrown
  const what = `${doing}: ${messageOf(thrown)} (SQLite ${extendedCode(thrown)})`
  const cause = { cause: thrown }
  if (isDiskFull(thrown)) {
    return new PipelineError('DISK_FULL', `${what}; free space on this disk and try again`, cause)
  }
  if (code === primary.corrupt || code === primary.notadb) {
    const advice =
      'the file is damaged; restore a backup, or move it away to begin without its records'
    return new PipelineError('LOG_CORRUPT', `${what}: ${advice}`, cause)
  }
  if (code === primary.cantopen || code === primary.readonly) {
    const advice = 'check that the directory exists and that this user may write to it'
    return new PipelineError('LOG_IO', `${what}; ${advice}`, cause)
  }
  return new PipelineError('LOG_IO', `${what}; check the disk, then start again`, cause)
}
