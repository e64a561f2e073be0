import { PipelineError } from '../core/errors.ts'
import { didYouMean } from '../core/nearest-name.ts'
import { onlyStages, type ChosenStages } from '../topology/only-stages.ts'
import type { StageNode } from '../topology/topology.ts'
import type { PipelineFile } from './load-topologies.ts'
import type { RunOptions } from './run-setting.ts'

/** `run --only`. @throws PipelineError CONFIG_USAGE when there is no such stage, or with `--fresh`. */
export function chosenStages(
  files: readonly PipelineFile[],
  { only, fresh }: Pick<RunOptions, 'only' | 'fresh'>,
): ChosenStages {
  if (only === undefined) return null
  if (fresh === true) {
    throw new PipelineError(
      'CONFIG_USAGE',
      '--fresh forgets the whole pipeline, also what the stages that are left out have done; leave out --only, or --fresh',
    )
  }
  const names = files.flatMap(({ topology: { pipeline, nodes } }) =>
    [...new Set(nodes.map(({ stage }) => stage))].flatMap((stage) => [
      stage,
      `${pipeline}.${stage}`,
    ]),
  )
  for (const name of only) {
    if (names.includes(name)) continue
    const known = names.filter((each) => !each.includes('.')).join(', ')
    throw new PipelineError(
      'CONFIG_USAGE',
      `--only: there is no stage "${name}"${didYouMean(name, names)}; there are ${known}`,
    )
  }
  return new Set(only)
}

export function runningNodes(files: readonly PipelineFile[], only: ChosenStages): StageNode[] {
  return files.flatMap(({ topology }) => onlyStages(topology, only).nodes)
}
