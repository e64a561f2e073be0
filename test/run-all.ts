import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runShown } from './run-shown.ts'
import { type ProjectResult, runVitest } from './run-vitest.ts'

/**
 * `npm test`: all that CI runs, each part to its end also when one before it failed. Each check of
 * the repository counts as one test. The last line is the sum over all parts.
 */

interface Part extends ProjectResult {
  readonly name: string
}

const nothing: ProjectResult = { passed: 0, failed: 0, skipped: 0, failures: [], unsteady: [] }
const checks = ['gen:check', 'typecheck', 'lint', 'arch', 'knip']
const projects = ['unit', 'storage', 'e2e', 'judges', 'endpoints', 'kafka']
/** Real brokers and processes have time limits, which a machine with other work can make them miss. */
const timed: ReadonlySet<string> = new Set(['e2e', 'judges', 'endpoints', 'kafka'])

const folder = mkdtempSync(join(tmpdir(), 'millrace-test-'))
const parts: Part[] = []
try {
  for (const check of checks) parts.push(await runCheck(check))
  for (const project of projects) {
    say(`\n-- ${project} tests`)
    const again = timed.has(project)
    parts.push({ name: project, ...(await runVitest({ project, folder, again })) })
  }
  parts.push(await runPipelineTests())
} finally {
  rmSync(folder, { recursive: true, force: true })
}

say('')
for (const { name, passed, failed, skipped } of parts) {
  const verdict = failed === 0 ? 'ok' : 'FAILED'
  // Tests that this machine cannot run: those with a server, where there is none. Never in CI.
  const rest = skipped === 0 ? '' : `, ${skipped} SKIPPED`
  line(verdict, name, `${passed} passed, ${failed} failed${rest}`)
}
for (const { name, failures, unsteady } of parts) {
  for (const test of unsteady) line('UNSTEADY', name, test)
  for (const test of failures) line('FAILED', name, test)
}
const failed = parts.reduce((sum, part) => sum + part.failed, 0)
say(`${parts.reduce((sum, part) => sum + part.passed, 0)} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1

async function runCheck(name: string): Promise<Part> {
  say(`\n-- ${name}`)
  const { exitCode } = await runShown('npm', ['run', '--silent', name])
  return { ...nothing, name, ...(exitCode === 0 ? { passed: 1 } : { failed: 1 }) }
}

/** The tests that stand in the pipeline files, run by the command that users have for it. */
async function runPipelineTests(): Promise<Part> {
  say('\n-- tests of the pipelines')
  const { exitCode, stdout } = await runShown(process.execPath, [
    'src/main.ts',
    'test',
    'pipelines',
  ])
  const sum = /(\d+) passed, (\d+) failed\s*$/.exec(stdout)
  const passed = Number(sum?.[1] ?? 0)
  const bad = Number(sum?.[2] ?? 0)
  // What failed, or ran nothing, never counts as passed.
  const isBad = bad === 0 && (exitCode !== 0 || passed === 0)
  return { ...nothing, name: 'pipelines', passed, failed: isBad ? 1 : bad }
}

function line(verdict: string, name: string, text: string): void {
  say(`${verdict.padEnd(8)}  ${name.padEnd(10)}  ${text}`)
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
