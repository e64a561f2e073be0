import { decodeJson, encodeJson, isJsonObject, type JsonValue } from './json.ts'
import { appendHeaders, withoutLastHeader } from './record-batch.ts'

/** A dead letter on its way back. */
export interface Replay {
  /** How often it was written back, with this time. */
  readonly attempt: number
  /** Where the record lay when it came to its stage first; null where that is not known. */
  readonly origin: {
    readonly topic: string
    readonly partition: number
    readonly offset: number
  } | null
}

/** Stands behind all other headers of a record on its way back; the stage takes it off again. */
export const replayHeader = 'millrace-replay'
/** What the ids of the tasks end with that write dead letters back: such a task is no stage's. */
const writerSuffix = '.replay/0'

/** Id of the task that writes the dead letters of a group back. */
export function replayTask(group: string): string {
  return `${group}/0`
}

/** Whether a batch was written by such a task. */
export function isReplayWriter(writer: string): boolean {
  return writer.endsWith(writerSuffix)
}

export function withReplay(headers: Uint8Array, { attempt, origin }: Replay): Uint8Array {
  const { topic, partition, offset } = origin ?? {}
  const fields =
    origin === null
      ? { attempt }
      : { attempt, topic: topic!, partition: partition!, offset: offset! }
  return appendHeaders(headers, [[replayHeader, encodeJson(fields)]])
}

export function withoutReplay(headers: Uint8Array): Uint8Array {
  return withoutLastHeader(headers, replayHeader)
}

/** @param value of the header; anybody may have written it. */
export function replayOf(value: Uint8Array): Replay {
  const fields = fieldsOf(value)
  const attempt = countOf(fields['attempt']) ?? 1
  const [partition, offset] = [countOf(fields['partition']), countOf(fields['offset'])]
  const { topic } = fields
  const isKnown = typeof topic === 'string' && partition !== null && offset !== null
  return { attempt, origin: isKnown ? { topic, partition, offset } : null }
}

function fieldsOf(value: Uint8Array): Readonly<Record<string, JsonValue>> {
  try {
    const fields = decodeJson(Buffer.from(value).toString('utf8'))
    return isJsonObject(fields) ? fields : {}
  } catch {
    return {}
  }
}

function countOf(value: JsonValue | undefined): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null
}
