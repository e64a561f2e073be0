import { PipelineError } from '../../../core/errors.ts'
import type { TopicPartition } from '../../../core/log.ts'

/** The position does not exist: records before they were read have been removed, or it lies past the end. */
export function positionOutOfRange(
  { topic, partition }: TopicPartition,
  range: { readonly position: bigint; readonly start: bigint; readonly end: bigint },
): PipelineError {
  const { position, start, end } = range
  const place = `topic ${topic}, partition ${partition}: the task stands at offset ${position}, but the`
  if (position < start) {
    const gap = start - position
    return new PipelineError(
      'LOG_POSITION_LOST',
      `${place} first record kept has offset ${start}: ${gap} ${gap === 1n ? 'record was' : 'records were'} ` +
        'removed before being read. Run with --fresh to begin again, or give the topic a longer retention',
    )
  }
  return new PipelineError(
    'LOG_POSITION_LOST',
    `${place} partition ends at offset ${end}: ${position - end} offsets are missing. The cluster has lost ` +
      'records, or the topic was made anew. Run with --fresh to begin again',
  )
}

/** The topic has another id than the one that the positions belong to. */
export function topicRecreated(topic: string, ids: { before: string; now: string }): PipelineError {
  return new PipelineError(
    'LOG_POSITION_LOST',
    `topic ${topic} was deleted and made again (its id was ${ids.before} and is ${ids.now}): the stored ` +
      'positions mean other records now. Run with --fresh to begin again with the new topic',
  )
}

export function topicMissing(topic: string): PipelineError {
  return new PipelineError(
    'LOG_POSITION_LOST',
    `topic ${topic} is not there any more: it was deleted while a task was reading it. Make it again, and ` +
      'run with --fresh to begin again',
  )
}

export function partitionMissing(
  { topic, partition }: TopicPartition,
  partitions: number,
): PipelineError {
  return new PipelineError(
    'LOG_POSITION_LOST',
    `topic ${topic} has ${partitions} partitions: there is no partition ${partition} to read. Run with ` +
      '--fresh to begin again',
  )
}
