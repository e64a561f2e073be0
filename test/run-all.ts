import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * `npm test`: all that CI runs, each part to its end also when one before it failed. Each check of
 * the repository counts as one test. The last line is the sum over all parts.
 */

interface Tally {
  readonly passed: number
  readonly failed: number
  /** Tests that this machine cannot run: those of Kafka, where there is no broker. Never in CI. */
  readonly skipped: number
}

interface Part extends Tally {
  readonly name: string
}

const checks = ['gen:check', 'typecheck', 'lint', 'arch', 'knip']
const projects = ['unit', 'storage', 'e2e', 'judges', 'kafka']

const reports = mkdtempSync(join(tmpdir(), 'millrace-test-'))
const parts: Part[] = []
try {
  for (const check of checks) parts.push(await runCheck(check))
  for (const project of projects) parts.push(await runVitest(project))
  parts.push(await runPipelineTests())
} finally {
  rmSync(reports, { recursive: true, force: true })
}

say('')
for (const { name, passed, failed, skipped } of parts) {
  const verdict = failed === 0 ? 'ok    ' : 'FAILED'
  const rest = skipped === 0 ? '' : `, ${skipped} SKIPPED`
  say(`${verdict}  ${name.padEnd(10)}  ${passed} passed, ${failed} failed${rest}`)
}
const failed = parts.reduce((sum, part) => sum + part.failed, 0)
say(`${parts.reduce((sum, part) => sum + part.passed, 0)} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1

async function runCheck(name: string): Promise<Part> {
  say(`\n-- ${name}`)
  const { exitCode } = await run('npm', ['run', '--silent', name])
  return { name, passed: exitCode === 0 ? 1 : 0, failed: exitCode === 0 ? 0 : 1, skipped: 0 }
}

async function runVitest(project: string): Promise<Part> {
  say(`\n-- ${project} tests`)
  const report = join(reports, `${project}.json`)
  const { exitCode } = await run('vitest', [
    'run',
    '--config=test/vitest.config.ts',
    `--project=${project}`,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ])
  return { name: project, ...agree(vitestTally(report), exitCode) }
}

function vitestTally(report: string): Tally {
  try {
    const result = JSON.parse(readFileSync(report, 'utf8')) as {
      numPassedTests: number
      numFailedTests: number
      numPendingTests: number
    }
    const { numPassedTests, numFailedTests, numPendingTests } = result
    return { passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests }
  } catch {
    // It ended before it wrote its report; its exit code says so.
    return { passed: 0, failed: 0, skipped: 0 }
  }
}

/** The tests that stand in the pipeline files, run by the command that users have for it. */
async function runPipelineTests(): Promise<Part> {
  say('\n-- tests of the pipelines')
  const { exitCode, stdout } = await run(process.execPath, ['src/main.ts', 'test', 'pipelines'])
  const [, passed = '0', failedTests = '0'] = /(\d+) passed, (\d+) failed\s*$/.exec(stdout) ?? []
  const tally = { passed: Number(passed), failed: Number(failedTests), skipped: 0 }
  return { name: 'pipelines', ...agree(tally, exitCode) }
}

/** A part that failed, or ran nothing, never counts as passed: its own failure is one. */
function agree(tally: Tally, exitCode: number): Tally {
  if (tally.failed > 0) return tally
  return { ...tally, failed: exitCode !== 0 || tally.passed === 0 ? 1 : 0 }
}

/** Runs a command with its output shown as it comes; what it wrote to stdout is kept as well. */
function run(
  command: string,
  args: readonly string[],
): Promise<{ exitCode: number; stdout: string }> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let stdout = ''
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString('utf8')
      process.stdout.write(chunk)
    })
    child.on('error', (error) => {
      say(`${command}: ${error.message}`)
      resolve({ exitCode: 1, stdout })
    })
    child.on('close', (code) => resolve({ exitCode: code ?? 1, stdout }))
  })
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
