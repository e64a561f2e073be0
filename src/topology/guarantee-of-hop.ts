import type { EndpointGuarantee } from '../core/endpoints.ts'
import { outputTopicsOf } from './order-nodes.ts'
import type { LogKind, SinkOutput, SourceInput, StageNode } from './topology.ts'

/** What holds between what a node reads and what it writes, a topic or its sink. */
export function guaranteeOf(node: StageNode, log: LogKind): EndpointGuarantee {
  const commit = log === 'kafka' ? kafkaCommit(node) : embeddedCommit(node)
  const endpoint = endpointOf(node)
  if (endpoint === null) return commit
  // What is lost before the commit or written ahead of it is no part of it.
  if (['at_least_once', 'at_most_once'].includes(endpoint.guarantee)) return endpoint
  if (commit.guarantee !== 'exactly_once') {
    return { ...commit, why: `${endpoint.why} ${commit.why}` }
  }
  if (!node.hasState) return endpoint
  const transaction =
    log === 'kafka' ? 'one Kafka transaction' : 'one transaction of the log, synced to the disk'
  const why = `${endpoint.why} That is ${transaction}.`
  return { ...endpoint, why: isBoundToMachine(node, log) ? `${why} ${machineNote}` : why }
}

function endpointOf({ input, output }: StageNode): EndpointGuarantee | null {
  if (input.kind === 'source') return sourceGuarantee(input)
  return output?.kind === 'sink' ? sinkGuarantee(output) : null
}

/** A file is where its task is, and with several workers that can change. */
function isBoundToMachine({ output }: StageNode, log: LogKind): boolean {
  return (
    log === 'kafka' && output?.kind === 'sink' && output.definition.files(output.config).length > 0
  )
}

const machineNote = 'It holds as long as all workers that may write the file share it.'

function embeddedCommit(node: StageNode): EndpointGuarantee {
  return exactlyOnce(
    `${changedBy(node)} are committed in one transaction of the log, synced to the disk.`,
  )
}

function kafkaCommit(node: StageNode): EndpointGuarantee {
  if (node.delivery === 'exactly_once') {
    return exactlyOnce(`${changedBy(node)} are committed in one Kafka transaction per task.`)
  }
  if (outputTopicsOf(node).length === 0) {
    return {
      guarantee: 'at_least_once',
      why: 'The positions are committed behind the records (delivery: at_least_once).',
      afterCrash: 'The records since the last commit come again.',
      dropBy: 'a field of the record that identifies it.',
    }
  }
  return {
    guarantee: 'at_least_once',
    why: 'The results are written first, then the positions are committed (delivery: at_least_once).',
    afterCrash:
      'The results since the last commit are written again, with the same keys and values.',
    dropBy: 'a field of the value that identifies it; a later stage can do so by `dedupe`.',
  }
}

/** What a commit of a node without source and sink holds. */
function changedBy({ steps, output }: StageNode): string {
  const waiting = steps.filter(({ definition }) => definition.kind === 'async')
  const calls = waiting.map(({ id }) => `"${id}"`).join(', ')
  const before =
    waiting.length === 0
      ? ''
      : `Calls of ${calls} may be repeated, and what they came to counts once: `
  const committed = committedBy({ steps, output })
  return before === ''
    ? `${committed.charAt(0).toUpperCase()}${committed.slice(1)}`
    : `${before}${committed}`
}

function committedBy({ steps, output }: Pick<StageNode, 'steps' | 'output'>): string {
  const isStateful = steps.some(
    ({ definition, part }) => definition.kind === 'stateful' && part === 'whole',
  )
  const parts = [
    ...(output === null ? ['dead letters'] : ['results']),
    ...(isStateful ? ['state'] : []),
  ]
  return `${parts.join(', ')} and positions`
}

function exactlyOnce(why: string): EndpointGuarantee {
  return { guarantee: 'exactly_once', why, afterCrash: null, dropBy: null }
}

function sourceGuarantee({ definition, config }: SourceInput): EndpointGuarantee {
  if (definition.guarantee !== undefined) return definition.guarantee(config)
  if (definition.replayable)
    return exactlyOnce('What was read and not yet committed is read once more.')
  return {
    guarantee: 'at_most_once',
    why: 'What the source has given cannot be read again.',
    afterCrash: 'What was read and not yet committed is lost.',
    dropBy: null,
  }
}

function sinkGuarantee({ definition, config }: SinkOutput): EndpointGuarantee {
  if (definition.guarantee !== undefined) return definition.guarantee(config)
  if (definition.delivery === 'exactly_once')
    return exactlyOnce('The sink goes on where the last commit was.')
  return {
    guarantee: 'at_least_once',
    why: 'Records are written to the sink first, then the position is committed.',
    afterCrash: 'The records since the last commit are written again.',
    dropBy: 'a field of the record that identifies it.',
  }
}
