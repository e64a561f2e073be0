import { spawn } from 'node:child_process'

/** Runs a command with its output shown as it comes; what it wrote to stdout is kept as well. */
export function runShown(
  command: string,
  args: readonly string[],
): Promise<{ readonly exitCode: number; readonly stdout: string }> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let stdout = ''
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString('utf8')
      process.stdout.write(chunk)
    })
    child.on('error', (error) => {
      process.stdout.write(`${command}: ${error.message}\n`)
      resolve({ exitCode: 1, stdout })
    })
    child.on('close', (code) => resolve({ exitCode: code ?? 1, stdout }))
  })
}
