import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { runShown } from './run-shown.ts'

/** The part of vitest's JSON report that is read here. */
interface Report {
  readonly testResults: readonly FileResult[]
}

interface FileResult {
  readonly name: string
  readonly status: string
  readonly message: string
  readonly assertionResults: readonly {
    readonly fullName: string
    readonly status: string
    readonly failureMessages: readonly string[]
  }[]
}

export interface ProjectResult {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** Which tests failed, each with the first line of its error. */
  readonly failures: readonly string[]
  /** Those that failed first, and passed when their file had the machine for itself. */
  readonly unsteady: readonly string[]
}

interface ProjectOptions {
  readonly project: string
  /** Where the reports may be written. */
  readonly folder: string
  /** Files that failed are run once more, each by itself. */
  readonly again: boolean
}

/** Runs the tests of one project of `vitest.config.ts`, with what they print shown as it comes. */
export async function runVitest({
  project,
  folder,
  again,
}: ProjectOptions): Promise<ProjectResult> {
  const report = join(folder, `${project}.json`)
  const first = await runFiles(project, { report, args: [] })
  if (first.files === null) return tally([], { unsteady: [], exitCode: first.exitCode })
  const bad = first.files.filter(({ status }) => status === 'failed')
  if (!again || bad.length === 0) {
    return tally(first.files, { unsteady: [], exitCode: first.exitCode })
  }
  process.stdout.write(`\n-- ${project} tests that failed, each file by itself\n`)
  const args = ['--no-file-parallelism', ...bad.map(({ name }) => relative('.', name))]
  const second = await runFiles(project, { report, args })
  const names = new Set(bad.map(({ name }) => name))
  const kept = first.files.filter(({ name }) => !names.has(name))
  const files = [...kept, ...(second.files ?? bad)]
  const still = new Set(failuresIn(files).map(({ test }) => test))
  const unsteady = failuresIn(bad).filter(({ test }) => !still.has(test))
  return tally(files, { unsteady: unsteady.map(shown), exitCode: second.exitCode })
}

async function runFiles(
  project: string,
  { report, args }: { readonly report: string; readonly args: readonly string[] },
): Promise<{ readonly files: readonly FileResult[] | null; readonly exitCode: number }> {
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const config = ['--config=test/vitest.config.ts', `--project=${project}`]
  const { exitCode } = await runShown('vitest', ['run', ...config, ...reporters, ...args])
  try {
    const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as Report
    return { files: testResults, exitCode }
  } catch {
    // It ended before it wrote its report.
    return { files: null, exitCode }
  }
}

/** What failed, or ran nothing, never counts as passed: its own failure is one. */
function tally(
  files: readonly FileResult[],
  { unsteady, exitCode }: { readonly unsteady: readonly string[]; readonly exitCode: number },
): ProjectResult {
  const tests = files.flatMap(({ assertionResults }) => assertionResults)
  const count = (status: string) => tests.filter((test) => test.status === status).length
  const failures = failuresIn(files).map(shown)
  const passed = count('passed')
  const isBad = failures.length === 0 && (exitCode !== 0 || passed === 0)
  return {
    passed,
    failed: isBad ? 1 : failures.length,
    skipped: tests.length - passed - count('failed'),
    failures: isBad ? [`vitest ended with code ${exitCode}, ${passed} tests passed`] : failures,
    unsteady,
  }
}

interface Failure {
  readonly test: string
  readonly error: string
}

function shown({ test, error }: Failure): string {
  return `${test}: ${error}`
}

function failuresIn(files: readonly FileResult[]): Failure[] {
  return files.flatMap(({ name, status, message, assertionResults }) => {
    const file = relative('.', name)
    const failed = assertionResults.filter((test) => test.status === 'failed')
    // What every test of a file needs could not be set up.
    if (failed.length === 0 && status === 'failed')
      return [{ test: file, error: firstLine(message) }]
    return failed.map(({ fullName, failureMessages: [error = 'no error'] }) => ({
      test: `${file}: ${fullName}`,
      error: firstLine(error),
    }))
  })
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!
}
