import { isUtf8 } from 'node:buffer'
import type { Sink, SinkMemory, SinkReceipt } from '../../core/endpoints.ts'
import { RecordFailure, type RecordErrorCode } from '../../core/errors.ts'
import type { Expression } from '../../core/expression.ts'
import { decodeJson, type JsonValue } from '../../core/json.ts'
import { roomNames } from '../../core/push-rooms.ts'
import type { RecordBatch } from '../../core/record-batch.ts'
import { StepRecord } from '../../core/step-record.ts'
import type { PushRooms } from './push-rooms.ts'

const noText = new RecordFailure(
  'RECORD_REJECTED',
  'the value is no UTF-8 text, which is all that can be pushed',
)
const noOrigin = { topic: null, partition: 0, baseOffset: 0n, source: null }

/** What pushes to clients that listen on a path. */
export interface PushPlace {
  readonly rooms: PushRooms
  open(): Promise<void>
  close(): Promise<void>
}

/** Pushes records to the clients that are there. It never waits for any of them. */
export class PushSink implements Sink {
  readonly #place: PushPlace
  readonly #room: Expression | undefined
  readonly #record = new StepRecord()
  #isOpen = false

  /** @param room gives the name of a room, or a list of them; absent: everybody. */
  constructor(place: PushPlace, room: Expression | undefined) {
    this.#place = place
    this.#room = room
  }

  async begin(): Promise<SinkMemory> {
    if (!this.#isOpen) await this.#place.open()
    this.#isOpen = true
    return null
  }

  write(batch: RecordBatch): Promise<SinkReceipt> {
    const failures: { index: number; code: RecordErrorCode; message: string }[] = []
    const { rooms } = this.#place
    for (let index = 0; index < batch.count && rooms.isWanted; index++) {
      const value = batch.value(index)
      if (value === null || batch.isMarker(index)) continue
      const found = isUtf8(value) ? this.#roomsOf(batch, index) : noText
      if (found instanceof RecordFailure)
        failures.push({ index, code: found.code, message: found.message })
      // A copy: the batch lives as long as its slice, what is kept or waits for a client longer.
      else if (found === null || found.length > 0) rooms.push(found, Buffer.from(value))
    }
    return Promise.resolve({ memory: null, failures })
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    await this.#place.close()
  }

  /** null: everybody. */
  #roomsOf(batch: RecordBatch, index: number): readonly string[] | null | RecordFailure {
    if (this.#room === undefined) return null
    const record = this.#record
    record.moveTo(batch, index, noOrigin)
    try {
      record.value = valueOf(batch.valueText(index))
      return roomNames(this.#room.evaluate(record))
    } catch (thrown) {
      if (thrown instanceof RecordFailure) return thrown
      throw thrown
    }
  }
}

/** What is no JSON is text. */
function valueOf(text: string | null): JsonValue {
  if (text === null) return null
  try {
    return decodeJson(text)
  } catch {
    return text
  }
}
