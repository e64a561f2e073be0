import { hash } from 'node:crypto'
import type { Topology } from './topology.ts'

/** The stages that are to run, by name or as `pipeline.stage`; null: all of them. */
export type ChosenStages = ReadonlySet<string> | null

/**
 * The part of a pipeline that runs: its topics stay, so that whatever the others have written or will write
 * fits. Workers that run other stages of it run another pipeline.
 */
export function onlyStages(topology: Topology, chosen: ChosenStages): Topology {
  if (chosen === null) return topology
  const isChosen = ({ stage }: { readonly stage: string }) =>
    chosen.has(stage) || chosen.has(`${topology.pipeline}.${stage}`)
  const nodes = topology.nodes.filter(isChosen)
  if (nodes.length === topology.nodes.length) return topology
  const names = [...new Set(nodes.map(({ stage }) => stage))]
  const fingerprint = hash('sha256', `${topology.fingerprint} ${names.join(' ')}`, 'hex')
  return {
    ...topology,
    fingerprint: fingerprint.slice(0, topology.fingerprint.length),
    nodes,
    hooks: topology.hooks.filter(isChosen),
  }
}
