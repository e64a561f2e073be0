import { spawn } from 'node:child_process'
import { createSystemClock } from '../../../src/clock/system-clock.ts'

const clock = createSystemClock()

export interface CommandResult {
  /** null when a signal ended it, or there is no such program. */
  readonly code: number | null
  readonly stdout: string
  /** What it wrote to stderr, or why it could not be started. */
  readonly stderr: string
}

interface CommandOptions {
  readonly cwd?: string
  readonly input?: string | Uint8Array
  readonly env?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
}

const defaultTimeoutMs = 120_000

/** Runs a program to its end. It never rejects: a missing program is an answer as well. */
export function runCommand(
  command: string,
  args: readonly string[],
  { cwd, input, env, timeoutMs = defaultTimeoutMs }: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    })
    let stdout = ''
    let stderr = ''
    child.stdout!.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    const ended = new AbortController()
    void clock.sleep(timeoutMs, ended.signal).then(() => child.kill('SIGKILL'))
    const finish = (result: CommandResult) => {
      ended.abort()
      resolve(result)
    }
    child.on('error', (error) => finish({ code: null, stdout, stderr: error.message }))
    child.on('close', (code) => finish({ code, stdout, stderr }))
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
  })
}

/** The last lines of what a program said, for the message about its failure. */
export function lastLines(text: string, count = 5): string {
  return text.trim().split('\n').slice(-count).join('\n')
}
