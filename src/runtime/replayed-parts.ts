import { RecordBatchBuilder } from '../core/record-batch-builder.ts'
import type { RecordBatch } from '../core/record-batch.ts'
import { replayHeader, replayOf, withoutReplay } from '../core/replay-header.ts'
import type { InputPart } from './slice.ts'

/**
 * The records of a batch of dead letters that come back, as the stage met them first: from where they lay
 * then, and without what was added to their headers. Each is a part of its own.
 */
export function replayedParts(part: InputPart): InputPart[] {
  const { batch, from } = part
  const parts: InputPart[] = []
  for (let index = from; index < batch.count; index++) parts.push(replayedPart(part, index))
  return parts
}

function replayedPart(part: InputPart, index: number): InputPart {
  const { batch, origin } = part
  const headers = batch.headers(index)
  const last = headers.at(-1)
  const isMarked = last !== undefined && last[0] === replayHeader
  const { attempt, origin: first } = isMarked ? replayOf(last[1]) : { attempt: 1, origin: null }
  const offset = origin.baseOffset + BigInt(batch.offsetDelta[index]!)
  return {
    ...part,
    batch: recordOf(batch, index, isMarked),
    from: 0,
    replays: attempt,
    origin: {
      ...origin,
      topic: first?.topic ?? origin.topic,
      // Results keep to the partition that the record lies in now, which the stage is sure to have.
      partition: origin.partition,
      baseOffset: first === null ? offset : BigInt(first.offset),
    },
  }
}

function recordOf(batch: RecordBatch, index: number, isMarked: boolean): RecordBatch {
  const builder = new RecordBatchBuilder(batch.writer)
  const headers = batch.headerBytes(index)
  builder.append({
    key: batch.key(index),
    value: batch.value(index),
    headers: isMarked ? withoutReplay(headers) : headers,
    times: {
      timestampMs: batch.timestampMs[index]!,
      eventTimeMs: batch.eventTimeMs[index]!,
      ingestUs: batch.ingestUs[index]!,
      waitUs: batch.waitUs[index]!,
      runUs: batch.runUs[index]!,
    },
  })
  return builder.finish()
}
