import type { TopicChange, TopicPartition, TopicSpec } from '../core/log.ts'
import { invariant, PipelineError } from '../core/errors.ts'

/** How often topics are looked through for records past their retention. */
export const retentionPeriodMs = 60_000

export function fencedError(task: string): PipelineError {
  return new PipelineError(
    'LOG_FENCED',
    `task ${task} was opened again elsewhere, or reset; this holder commits nothing more`,
  )
}

/** Positions only move forward, and never past the records that exist. */
export function assertForward(
  next: TopicPartition & { readonly offset: bigint },
  range: { from: bigint | undefined; end: bigint },
): void {
  const input = `${next.topic}/${next.partition}`
  invariant(
    range.from !== undefined,
    `${input} is no input of the task that commits a position in it`,
  )
  invariant(
    next.offset >= range.from,
    `the position in ${input} moves back from ${range.from} to ${next.offset}`,
  )
  invariant(
    next.offset <= range.end,
    `the position ${next.offset} in ${input} lies past its end ${range.end}`,
  )
}

export function assertSamePartitions(topic: TopicSpec, stored: number): void {
  if (topic.partitions === stored) return
  throw new PipelineError(
    'CONFIG_INCOMPATIBLE',
    `topic ${topic.name} is stored with ${stored} partitions, and the pipeline asks for ${topic.partitions}: ` +
      `set its partitions to ${stored}, or run with --fresh to begin again without the stored records`,
  )
}

export function noSuchTopic(topic: string): PipelineError {
  return new PipelineError('CONFIG_USAGE', `there is no topic ${topic}`)
}

export function assertNotFewerPartitions({ name, partitions }: TopicChange, stored: number): void {
  if (partitions === undefined || partitions >= stored) return
  throw new PipelineError(
    'CONFIG_INCOMPATIBLE',
    `topic ${name} has ${stored} partitions and cannot have ${partitions}: there are never fewer`,
  )
}

export function workersAtWork(pipeline: string, workers: readonly string[]): PipelineError {
  const who = workers.length === 0 ? '' : `: ${workers.join(', ')}`
  return new PipelineError(
    'CONFIG_USAGE',
    `workers of the pipeline "${pipeline}" are at work${who}; stop them first (one that was killed is ` +
      'forgotten when its session has timed out), and run with --fresh again',
  )
}
