import { messageOf } from '../core/errors.ts'
import { runPipelineTest } from '../simulation/run-pipeline-test.ts'
import type { TestSpec } from '../spec/pipeline-spec.ts'
import { exitCodes, say, type CliEnvironment, type ExitCode } from './cli-environment.ts'
import type { WriteLog } from './create-logger.ts'
import { compileForTest, isError, loadTopologies, type PipelineFile } from './load-topologies.ts'
import { printDiagnostics } from './print-diagnostics.ts'
import { operatorEnvironment } from './operator-environment.ts'
import { printable, printableLine } from './printable.ts'

interface Outcome {
  readonly file: string
  readonly name: string
  readonly passed: boolean
  readonly problems: readonly {
    readonly line: number
    readonly column: number
    readonly message: string
  }[]
}

export async function test(
  paths: readonly string[],
  { json = false }: { json?: boolean },
  environment: CliEnvironment,
): Promise<ExitCode> {
  const { files, diagnostics } = loadTopologies(paths, environment, { forTests: true })
  printDiagnostics(environment, diagnostics)
  if (diagnostics.some(isError)) return exitCodes.config
  const { stdout, mask } = environment
  const outcomes: Outcome[] = []
  for (const file of files) {
    if (file.spec.tests.length === 0) say(environment, `${file.shown}: it has no "tests:"`)
    for (const spec of file.spec.tests) {
      const outcome = mask.json(await runOne(spec, file, environment))
      outcomes.push(outcome)
      if (!json) stdout.write(textOf(outcome))
    }
  }
  const failed = outcomes.filter(({ passed }) => !passed).length
  const tally = { passed: outcomes.length - failed, failed }
  if (json) stdout.write(`${JSON.stringify({ ...tally, tests: outcomes }, null, 2)}\n`)
  else stdout.write(`${tally.passed} passed, ${tally.failed} failed\n`)
  return failed === 0 ? exitCodes.ok : exitCodes.failed
}

/** What the user's processes and modules have to say matters where a test fails. */
function tellWarnings(environment: CliEnvironment): WriteLog {
  return (level, message) => {
    if (level !== 'debug') say(environment, message)
  }
}

async function runOne(
  spec: TestSpec,
  file: PipelineFile,
  environment: CliEnvironment,
): Promise<Outcome> {
  const { name } = spec
  const about = { file: file.shown, name }
  try {
    const { passed, problems } = await runPipelineTest(
      spec,
      compileForTest(file, spec.partitions),
      operatorEnvironment(environment, tellWarnings(environment)),
    )
    const located = problems.map(({ step, message }) => ({
      ...file.source.locate(step.path),
      message,
    }))
    return { ...about, passed, problems: located }
  } catch (thrown) {
    return {
      ...about,
      passed: false,
      problems: [{ ...file.source.locate(spec.path), message: messageOf(thrown) }],
    }
  }
}

function textOf({ file, name, passed, problems }: Outcome): string {
  const lines = problems.map(({ line, column, message }) => {
    return `  ${file}:${line}:${column}: ${printable(message).replaceAll('\n', '\n    ')}\n`
  })
  return `${passed ? 'ok    ' : 'FAILED'}  ${file}: ${printableLine(name)}\n${lines.join('')}`
}
