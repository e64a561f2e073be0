import { describeTopology } from '../topology/describe.ts'
import { pipelineGuarantees } from '../topology/guarantees.ts'
import { exitCodes, type CliEnvironment, type ExitCode } from './cli-environment.ts'
import { guaranteeJson, guaranteeLines } from './guarantee-text.ts'
import { isError, loadTopologies } from './load-topologies.ts'
import { printDiagnostics } from './print-diagnostics.ts'
import { printable } from './printable.ts'

export interface ExplainOptions {
  readonly guarantees?: boolean
  readonly json?: boolean
  readonly log?: string
}

/** Shows what files become on the log and what they promise; nothing is opened. */
export async function explain(
  paths: readonly string[],
  { guarantees = false, json = false, log }: ExplainOptions,
  environment: CliEnvironment,
): Promise<ExitCode> {
  const loaded = loadTopologies(paths, environment, { log })
  printDiagnostics(environment, loaded.diagnostics)
  if (loaded.diagnostics.some(isError)) return exitCodes.config
  const { stdout, mask } = environment
  const found = loaded.files.map(({ topology }) => ({
    stages: guarantees ? [] : [describeTopology(topology), ''],
    guarantees: pipelineGuarantees(topology, loaded.log),
  }))
  if (json) {
    const data = found.map((each) => guaranteeJson(each.guarantees))
    stdout.write(`${JSON.stringify(mask.json(data), null, 2)}\n`)
    return exitCodes.ok
  }
  const texts = found.map((each) => [...each.stages, ...guaranteeLines(each.guarantees)].join('\n'))
  stdout.write(mask.text(printable(`${texts.join('\n\n')}\n`)))
  return exitCodes.ok
}
