import { spawn, type ChildProcess } from 'node:child_process'

export type Environment = Readonly<Record<string, string | undefined>>

export interface ChildOptions {
  /** The program and its arguments; no shell reads them. */
  readonly argv: readonly [string, ...string[]]
  /** null: that of this process. */
  readonly folder: string | null
  /** All that it gets. */
  readonly env: Readonly<Record<string, string>>
}

/** Without them programs find neither other programs nor the user's language; the rest is ours, secrets included. */
const alwaysPassed = ['PATH', 'HOME', 'USER', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TZ', 'TMPDIR']

/** Those that have not ended; with one listener for all, since Node warns of many. */
const running = new Set<ChildProcess>()

/** @param env of this process, of which a child gets what every program needs and what is named. */
export function passedVariables(
  env: Environment,
  names: readonly string[] = [],
): Record<string, string> {
  const passed: Record<string, string> = {}
  for (const name of [...alwaysPassed, ...names]) {
    const value = env[name]
    if (value !== undefined) passed[name] = value
  }
  return passed
}

/**
 * Starts a program as the leader of a process group of its own, which is killed when this process ends in
 * whatever way it can notice. Where it cannot be started, it emits `error` and has no
 * pid; where no file can be opened any more, it has no streams either.
 */
export function startChild({ argv: [program, ...rest], folder, env }: ChildOptions): ChildProcess {
  const child = spawn(program, rest, {
    ...(folder === null ? {} : { cwd: folder }),
    env,
    stdio: ['pipe', 'pipe', 'pipe'],
    // What it starts ends with it, and Ctrl-C in a terminal ends it only when its work is done.
    detached: true,
    windowsHide: true,
  })
  // Its end says more than a pipe that broke because of it.
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.on('error', () => {})
  child.on('error', () => {})
  if (child.pid === undefined) return child
  if (running.size === 0) process.on('exit', killRunning)
  running.add(child)
  child.once('exit', () => {
    running.delete(child)
    if (running.size === 0) process.off('exit', killRunning)
  })
  return child
}

/** Reaches all that it has started and that still runs, also after its own end. */
export function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  const { pid, exitCode, signalCode } = child
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    if (exitCode === null && signalCode === null) child.kill(signal)
  }
}

function killRunning(): void {
  for (const child of running) signalGroup(child, 'SIGKILL')
}
