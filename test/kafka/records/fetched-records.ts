import type {
  FetchedPartition,
  Isolation,
  KafkaClient,
} from '../../../src/logs/kafka/client/kafka-client.ts'
import { decodeRecords, type DecodedBatch } from '../../../src/logs/kafka/records/decode-records.ts'

export interface ReadOptions {
  readonly partition?: number
  readonly isolation?: Isolation
  /** Of one fetch; small ones cut batches off and separate markers from their transactions. */
  readonly maxBytes?: number
  readonly offset?: bigint
}

/** All of a partition, fetch by fetch, as a reader goes through it. */
export async function readPartition(
  client: KafkaClient,
  topic: string,
  options: ReadOptions = {},
): Promise<{ batches: DecodedBatch[]; fetches: FetchedPartition[]; next: bigint }> {
  const { partition = 0, isolation = 'read_committed', maxBytes = 2 ** 20, offset = 0n } = options
  const at = { topic, partition }
  const node = await client.leaderOf(at)
  const [end] = await client.listOffsets([at], 'latest', isolation)
  const batches: DecodedBatch[] = []
  const fetches: FetchedPartition[] = []
  let next = offset
  while (next < end!) {
    const partitions = [{ ...at, offset: next, maxBytes }]
    const request = { maxWaitMs: 500, minBytes: 1, maxBytes, isolation, partitions }
    const [fetched] = await client.fetch(node, request, new AbortController().signal)
    if (fetched!.error !== null) throw fetched!.error
    fetches.push(fetched!)
    const decoded = decodeRecords(fetched!, { offset: next, isolation })
    batches.push(...decoded.batches)
    next = decoded.next
  }
  return { batches, fetches, next }
}

/** Records from each batch's first one on, in a form that can be compared. */
export function plainRecords(batches: readonly DecodedBatch[]): PlainRecord[] {
  return batches.flatMap(({ baseOffset, batch, from }) =>
    Array.from({ length: batch.count - from }, (_, position) => {
      const index = from + position
      return {
        offset: baseOffset + BigInt(batch.offsetDelta[index]!),
        timestampMs: batch.timestampMs[index]!,
        key: copy(batch.key(index)),
        value: copy(batch.value(index)),
        headers: batch
          .headers(index)
          .map(([name, value]): [string, Buffer] => [name, Buffer.from(value)]),
      }
    }),
  )
}

export interface PlainRecord {
  readonly offset: bigint
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly [string, Buffer][]
}

function copy(bytes: Uint8Array | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes)
}
