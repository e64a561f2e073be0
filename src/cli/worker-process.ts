import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { RunPart } from '../runtime/run-part.ts'
import type { ProcessPart } from './measured-run.ts'

/** What a worker tells the process that started it. */
export interface WorkerMessage {
  /** `over`: from here on it only ends; in whatever way it does, it was meant to. */
  readonly kind: 'part' | 'over'
  /** What it has done so far. */
  readonly part: RunPart
  /** How it is itself. */
  readonly own?: ProcessPart | null
}

/** The process that started this one as one of several workers. */
export interface Supervisor {
  /** Of this worker, from 1 on. */
  readonly worker: number
  /** Resolves once the message is on its way. */
  tell(message: WorkerMessage): Promise<void>
}

export interface WorkerStart {
  readonly worker: number
  /** The command line of the worker, without the names of the program. */
  readonly args: readonly string[]
  readonly onMessage: (message: WorkerMessage) => void
  /** Takes each line that it writes to stderr. */
  readonly onLine: (line: string) => void
}

export interface WorkerProcess {
  /** Undefined where it could not be started. */
  readonly pid: number | undefined
  /** After its last line and message. */
  readonly ended: Promise<WorkerEnd>
  kill(signal: NodeJS.Signals): void
}

export interface WorkerEnd {
  /** null where a signal ended it, or it was never started. */
  readonly code: number | null
  readonly signal: string | null
}

export type StartWorker = (start: WorkerStart) => WorkerProcess

/** Names the variable by which a process knows that it is a worker, and which. */
const workerVariable = 'MILLRACE_WORKER'
const instanceVariable = 'MILLRACE_INSTANCE_ID'

type Environment = Readonly<Record<string, string | undefined>>

/** Starts workers as processes like this one. @param env of this process. */
export function workerStarter(env: Environment, cwd: string): StartWorker {
  return ({ worker, args, onMessage, onLine }) => {
    const child = fork(mainFile(), args, {
      cwd,
      env: { ...env, ...workerEnvironment(env, worker) },
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
      // Maps and exact numbers as they are.
      serialization: 'advanced',
      // Ctrl-C goes to all processes of a terminal's group; these get it passed on, once.
      detached: true,
    })
    child.on('message', (message) => onMessage(message as WorkerMessage))
    createInterface({ input: child.stderr! }).on('line', onLine)
    const killAtExit = () => child.kill('SIGKILL')
    process.once('exit', killAtExit)
    const ended = endOf(child).finally(() => process.off('exit', killAtExit))
    return { pid: child.pid, ended, kill: (signal) => void child.kill(signal) }
  }
}

/** null where this process was not started as a worker. */
export function supervisorOf(env: Environment): Supervisor | null {
  const worker = Number(env[workerVariable] ?? '')
  if (process.send === undefined || !(worker > 0)) return null
  return {
    worker,
    tell: (message) =>
      new Promise((resolve) => {
        // Where the supervisor has gone there is nobody left to tell anything.
        if (!process.connected) return resolve()
        process.send!(message, undefined, undefined, () => resolve())
      }),
  }
}

/** Static members keep their name over restarts, and no two have the same. */
function workerEnvironment(env: Environment, worker: number): Record<string, string> {
  const instance = env[instanceVariable] ?? ''
  return {
    [workerVariable]: String(worker),
    ...(instance === '' ? {} : { [instanceVariable]: `${instance}-${worker}` }),
  }
}

async function endOf(child: ChildProcess): Promise<WorkerEnd> {
  try {
    const disconnected = once(child, 'disconnect')
    disconnected.catch(() => {})
    // After the output has ended too; what it said over the channel may still be on its way.
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
    if (child.connected) await disconnected
    return { code, signal }
  } catch {
    return { code: null, signal: null }
  }
}

/** TypeScript or compiled, as this file is. */
function mainFile(): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return new URL(`../main.${extension}`, import.meta.url)
}
