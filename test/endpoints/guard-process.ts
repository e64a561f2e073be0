import { spawn } from 'node:child_process'

/**
 * Ends a process when this one is gone, however it went: the guard reads from a pipe that ends with us.
 * @returns what dismisses the guard.
 */
export function guardProcess(pid: number): () => void {
  const child = spawn('/bin/sh', ['-c', 'cat >/dev/null; kill -9 "$1"', 'guard', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  child.unref()
  return () => void child.kill('SIGKILL')
}
