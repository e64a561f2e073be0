import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'

const fileName = 'control.sock'
/** Of the path of a socket: what Linux and macOS both take. */
const maxPathBytes = 103

/** The path by which the socket of a data directory can be opened, for as long as `release` is not called. */
export interface SocketPath {
  readonly path: string
  release(): void
}

/**
 * A path that is too long for a socket is reached through an open directory, where the system has such
 * paths; null where it has none.
 * @throws what opening the directory throws.
 */
export function socketPath(directory: string): SocketPath | null {
  const path = join(directory, fileName)
  if (Buffer.byteLength(path) <= maxPathBytes) return { path, release: () => {} }
  if (process.platform !== 'linux') return null
  const descriptor = openSync(directory, 'r')
  return {
    path: `/proc/self/fd/${descriptor}/${fileName}`,
    release: () => closeSync(descriptor),
  }
}
