import { describeTopology, drawTopology } from '../topology/describe.ts'
import { exitCodes, type CliEnvironment, type ExitCode } from './cli-environment.ts'
import { isError, loadTopologies } from './load-topologies.ts'
import { printDiagnostics } from './print-diagnostics.ts'

export async function graph(
  file: string,
  { format, log }: { format: 'text' | 'mermaid'; log?: string },
  environment: CliEnvironment,
): Promise<ExitCode> {
  const { files, diagnostics } = loadTopologies([file], environment, { log })
  printDiagnostics(environment, diagnostics)
  if (diagnostics.some(isError)) return exitCodes.config
  const draw = format === 'mermaid' ? drawTopology : describeTopology
  const texts = files.map(({ topology }) => draw(topology))
  environment.stdout.write(`${environment.mask.text(texts.join('\n\n'))}\n`)
  return exitCodes.ok
}
