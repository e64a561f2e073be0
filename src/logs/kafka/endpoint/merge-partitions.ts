import type { Clock } from '../../../core/clock.ts'
import type { ReadRequest, SourceSlice } from '../../../core/endpoints.ts'
import type { JsonValue } from '../../../core/json.ts'
import { RecordBatchBuilder } from '../../../core/record-batch-builder.ts'
import type { SourceInfo } from '../../../core/step-record.ts'
import type { PartitionInput } from './partition-input.ts'

type MergeInput = Pick<
  PartitionInput,
  'topic' | 'partition' | 'headTimeMs' | 'offset' | 'timestampMs' | 'isBehind' | 'fill' | 'append'
>

/** Where each record of a slice stood. */
interface Places {
  readonly inputs: MergeInput[]
  readonly offsets: number[]
  readonly timestampsMs: number[]
}

/**
 * Merges what has come of several partitions into slices, the record with the lowest event time first:
 * a partition that is fetched faster than others would otherwise make their records late. The order
 * within each partition stays.
 */
export class PartitionMerger {
  readonly #builder = new RecordBatchBuilder('')
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The next slice, its positions left out; null when there is no record. @throws what a reader has met */
  merge(
    inputs: readonly MergeInput[],
    { maxRecords, maxBytes }: Pick<ReadRequest, 'maxRecords' | 'maxBytes'>,
  ): Omit<SourceSlice, 'positions'> | null {
    const ready = inputs.filter((input) => input.fill())
    if (ready.length === 0) return null
    const builder = this.#builder
    const places: Places = { inputs: [], offsets: [], timestampsMs: [] }
    const times = {
      timestampMs: this.#clock.wallMs(),
      eventTimeMs: Number.NaN,
      ingestUs: this.#clock.monotonicUs(),
      waitUs: 0,
      runUs: 0,
    }
    const isFull = () => builder.count >= maxRecords || builder.dataBytes >= maxBytes
    while (ready.length > 0 && !isFull()) {
      const { first, untilMs } = earliest(ready)
      const input = ready[first]!
      let isThere = true
      do {
        places.inputs.push(input)
        places.offsets.push(input.offset)
        places.timestampsMs.push(input.timestampMs)
        input.append(builder, times)
        isThere = fillOrStop(input)
      } while (isThere && input.headTimeMs <= untilMs && !isFull())
      if (isThere) continue
      ready.splice(first, 1)
      // Its next records may be earlier than what the others have.
      if (input.isBehind) break
    }
    return { batch: builder.finish(), failures: [], info: (index) => infoOf(places, index) }
  }
}

/** An error of the reader is met by the next slice: what came before it is good. */
function fillOrStop(input: MergeInput): boolean {
  try {
    return input.fill()
  } catch {
    return false
  }
}

/** The input to take from, and up to which time: the next one's. */
function earliest(inputs: readonly MergeInput[]): { first: number; untilMs: number } {
  let first = 0
  let untilMs = Number.POSITIVE_INFINITY
  for (let index = 1; index < inputs.length; index++) {
    const timeMs = inputs[index]!.headTimeMs
    const lowestMs = inputs[first]!.headTimeMs
    if (timeMs < lowestMs) {
      first = index
      untilMs = lowestMs
    } else untilMs = Math.min(untilMs, timeMs)
  }
  return { first, untilMs }
}

function infoOf({ inputs, offsets, timestampsMs }: Places, index: number): SourceInfo {
  const { topic, partition } = inputs[index]!
  const timestampMs = timestampsMs[index]!
  const info: Record<string, JsonValue> = { topic, partition, offset: offsets[index]! }
  info['timestamp'] = timestampMs === 0 ? null : timestampMs
  return info
}
