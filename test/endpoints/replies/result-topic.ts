import type { SliceBatch } from '../../../src/core/log.ts'
import { encodeHeaders, type WrittenHeader } from '../../../src/core/record-batch.ts'
import { RecordBatchBuilder } from '../../../src/core/record-batch-builder.ts'
import type { FollowRequest, TopicFollower } from '../../../src/core/topic-follower.ts'
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts'
import { anEnvironment } from '../endpoint-fixture.ts'

export interface ResultRecord {
  readonly value: string | null
  readonly headers: readonly WrittenHeader[]
}

const times = { timestampMs: 0, eventTimeMs: Number.NaN, ingestUs: 0, waitUs: 0, runUs: 0 }

function batchOf(records: readonly ResultRecord[]): SliceBatch {
  const builder = new RecordBatchBuilder('')
  for (const { value, headers } of records)
    builder.append({ key: null, value, headers: encodeHeaders(headers), times })
  const batch = builder.finish()
  return { topic: 't', partition: 0, baseOffset: 0n, batch, from: 0, next: 0n, visibleUs: 0 }
}

/** Topics that a test writes to batch by batch, and can make fail for those who read them. */
export class ResultTopics implements TopicFollower {
  readonly #clock: VirtualClock
  readonly #written = new Map<string, SliceBatch[]>()
  readonly #wake = new Set<() => void>()
  #error: Error | null = null

  constructor(clock: VirtualClock) {
    this.#clock = clock
  }

  async *follow({ topic, signal, onOpen }: FollowRequest): AsyncGenerator<SliceBatch> {
    if (this.#error !== null) throw this.#error
    onOpen?.()
    signal.addEventListener('abort', () => this.#wakeAll())
    while (!signal.aborted) {
      if (this.#error !== null) throw this.#error
      yield* this.#written.get(topic)?.splice(0) ?? []
      await new Promise<void>((resolve) => this.#wake.add(resolve))
    }
  }

  async write(topic: string, ...records: readonly ResultRecord[]): Promise<void> {
    this.#written.set(topic, [...(this.#written.get(topic) ?? []), batchOf(records)])
    this.#wakeAll()
    await this.#clock.advance(0)
  }

  /** null: they can be read again. */
  async fail(error: Error | null): Promise<void> {
    this.#error = error
    this.#wakeAll()
    await this.#clock.advance(0)
  }

  #wakeAll(): void {
    for (const wake of this.#wake) wake()
    this.#wake.clear()
  }
}

/** What a source gets that reads results from topics, with time that stands still. */
export function aResultEnvironment() {
  const clock = new VirtualClock()
  const topics = new ResultTopics(clock)
  return { ...anEnvironment(), clock, topics }
}
