import type { SliceBatch, TopicPartition } from '../../core/log.ts'
import type { KafkaContext } from './kafka-context.ts'
import { patiently, type PatienceContext } from './patiently.ts'

export type ScanContext = Pick<KafkaContext, 'client' | 'scanner'> & PatienceContext

export interface PartitionRange {
  /** Of the first record that is still there. */
  readonly start: bigint
  /** The high watermark: what was committed just before may not be marked yet. */
  readonly end: bigint
}

const bufferBytes = 4 * 1024 * 1024

/** @throws KafkaError */
export async function rangeOf(
  context: ScanContext,
  { topic, partition }: TopicPartition,
): Promise<PartitionRange> {
  const ask = (at: 'earliest' | 'latest') =>
    patiently(context, () =>
      context.client.listOffsets([{ topic, partition }], at, 'read_uncommitted'),
    )
  const [start = 0n] = await ask('earliest')
  const [end = 0n] = await ask('latest')
  return { start, end }
}

/**
 * All records of a partition from `from` up to `to`, batch by batch, aborted ones left out; `visit` may
 * take its time.
 * @returns the offset after what was read.
 * @throws PipelineError, KafkaError as reading does; ends early when the log is closed.
 */
export async function scanRange(
  { scanner, closing }: ScanContext,
  { topic, partition, from, to }: TopicPartition & { readonly from: bigint; readonly to: bigint },
  visit: (slice: SliceBatch) => Promise<void> | void,
): Promise<bigint> {
  if (from >= to) return from
  const reader = scanner.open({ topic, partition, offset: from, bufferBytes, topicId: null })
  try {
    while (reader.position < to && !closing.aborted) {
      await reader.whenPast(reader.position, closing)
      for (const slice of reader.take(Infinity, Infinity)) {
        const visited = visit(slice)
        if (visited !== undefined) await visited
      }
    }
    return reader.position
  } finally {
    reader.close()
  }
}
