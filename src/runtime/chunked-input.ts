import { RecordBatchBuilder } from '../core/record-batch-builder.ts'
import type { TaskCommit } from '../core/log.ts'
import type { InputPart } from './slice.ts'
import type { InputBacklog, InputSlice, TaskInput } from './task-input.ts'

/**
 * Hands on what another input reads in small slices, with a position behind each: where records are dealt
 * with one by one, that many at most come again after a crash.
 */
export class ChunkedInput implements TaskInput {
  readonly #input: TaskInput
  readonly #maxRecords: number
  #rest: InputSlice[] = []

  constructor(input: TaskInput, maxRecords: number) {
    this.#input = input
    this.#maxRecords = maxRecords
  }

  async next(request: { waitMs: number; signal: AbortSignal }): Promise<InputSlice | null | 'end'> {
    if (this.#rest.length === 0) {
      const slice = await this.#input.next(request)
      if (slice === null || slice === 'end') return slice
      this.#rest = cut(slice, this.#maxRecords)
    }
    return this.#rest.shift() ?? null
  }

  async lag(): Promise<number> {
    return (await this.#input.lag()) + this.#waiting
  }

  async backlog(): Promise<readonly InputBacklog[]> {
    const waiting = this.#waiting
    const [first, ...others] = await this.#input.backlog()
    if (first === undefined) return []
    return [{ ...first, records: first.records + waiting }, ...others]
  }

  close(): Promise<void> {
    return this.#input.close()
  }

  get #waiting(): number {
    return this.#rest.reduce((sum, { records }) => sum + records, 0)
  }
}

/** The last slice has the position of the whole, which may lie behind offsets without a record. */
function cut(slice: InputSlice, maxRecords: number): InputSlice[] {
  if (slice.records <= maxRecords) return [slice]
  const slices = slice.parts.flatMap((part) => chunksOf(part, maxRecords))
  return slices.map((chunk, index) =>
    index === slices.length - 1 ? { ...chunk, next: slice.next } : chunk,
  )
}

function chunksOf(part: InputPart, maxRecords: number): InputSlice[] {
  const chunks: InputSlice[] = []
  for (let from = part.from; from < part.batch.count;) {
    const end = endOfChunk(part, from, maxRecords)
    const { batch, origin } = part
    const baseOffset = origin.baseOffset + BigInt(batch.offsetDelta[from]!)
    const builder = new RecordBatchBuilder(batch.writer)
    for (let index = from; index < end; index++) builder.append(recordAt(part, index))
    const next: TaskCommit['next'] =
      origin.topic === null
        ? []
        : [
            {
              topic: origin.topic,
              partition: origin.partition,
              offset: origin.baseOffset + BigInt(batch.offsetDelta[end - 1]!) + 1n,
            },
          ]
    const own = { ...part, batch: builder.finish(), from: 0, origin: { ...origin, baseOffset } }
    chunks.push({ parts: [own], next, state: [], records: end - from })
    from = end
  }
  return chunks
}

/** Offsets of a batch that is made anew count up from its first. */
function endOfChunk({ batch }: InputPart, from: number, maxRecords: number): number {
  const { offsetDelta, count } = batch
  const gap = offsetDelta[from]! - from
  const limit = Math.min(count, from + maxRecords)
  let end = from + 1
  while (end < limit && gap + end === offsetDelta[end]) end += 1
  return end
}

function recordAt({ batch }: InputPart, index: number) {
  return {
    key: batch.key(index),
    value: batch.value(index),
    headers: batch.headerBytes(index),
    marker: batch.isMarker(index),
    times: {
      timestampMs: batch.timestampMs[index]!,
      eventTimeMs: batch.eventTimeMs[index]!,
      ingestUs: batch.ingestUs[index]!,
      waitUs: batch.waitUs[index]!,
      runUs: batch.runUs[index]!,
    },
  }
}
