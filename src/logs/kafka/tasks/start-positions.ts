import { PipelineError } from '../../../core/errors.ts'
import type { TaskSpec, TopicPartition } from '../../../core/log.ts'
import type { KafkaContext } from '../kafka-context.ts'
import { patiently } from '../patiently.ts'
import type { CommitNote } from '../state/changelog-records.ts'
import { isSame, type TaskGround } from './task-ground.ts'

export type Position = TopicPartition & {
  readonly offset: bigint
  /** Of the topic that the position is in; null: not known. */
  readonly topicId: string | null
}

export interface StartPositions {
  readonly positions: readonly Position[]
  /** Those that nobody has committed yet: the task begins there by the start rule. */
  readonly begun: readonly Position[]
}

/**
 * Where a task goes on: at what its group has committed, or else its state, or else where the start rule says.
 * @param committed of the group, by input. @param note of the last commit of the state.
 * @throws PipelineError LOG_POSITION_LOST; KafkaError
 */
export async function startPositions(
  context: KafkaContext,
  { group, inputs, start }: TaskSpec,
  of: {
    readonly ground: TaskGround
    readonly committed: readonly (bigint | null)[]
    readonly note: CommitNote | null
  },
): Promise<StartPositions> {
  const { ground, committed, note } = of
  const known = inputs.map((input, index) => {
    const inState = note?.positions.find((position) => isSame(position, input))?.offset ?? null
    const inGroup = committed[index] ?? null
    if (inState !== null && inGroup !== null && inState !== inGroup) {
      throw movedByOthers(input, { group, inState, inGroup })
    }
    return inGroup ?? inState
  })
  const missing = inputs.filter((_, index) => known[index] === null)
  for (const input of missing) ground.assertNew(input)
  const found =
    missing.length === 0
      ? []
      : await patiently(context, () => context.client.listOffsets(missing, start, 'read_committed'))
  const starts = found.values()
  const positions = inputs.map(({ topic, partition }, index) => {
    const offset = known[index] ?? starts.next().value!
    return { topic, partition, offset, topicId: ground.topicIdOf({ topic }) }
  })
  return { positions, begun: positions.filter((_, index) => known[index] === null) }
}

function movedByOthers(
  { topic, partition }: TopicPartition,
  of: { readonly group: string; readonly inState: bigint; readonly inGroup: bigint },
): PipelineError {
  return new PipelineError(
    'LOG_POSITION_LOST',
    `topic ${topic}, partition ${partition}: the group ${of.group} stands at offset ${of.inGroup}, and the state ` +
      `of the task at ${of.inState}: something else has moved the group, or the cluster has lost records. Set the ` +
      `position back to ${of.inState} with kafka-consumer-groups.sh, or run with --fresh to begin again`,
  )
}
