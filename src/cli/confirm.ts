import { createInterface } from 'node:readline'
import type { CliEnvironment } from './cli-environment.ts'

/** Asks on stderr and takes the first line of stdin; only `y` and `yes` mean yes. */
export async function confirm(
  question: string,
  { stdin, stderr }: Pick<CliEnvironment, 'stdin' | 'stderr'>,
): Promise<boolean> {
  stderr.write(`${question} [y/N] `)
  for await (const line of createInterface({ input: stdin })) {
    return /^y(?:es)?$/i.test(line.trim())
  }
  return false
}
