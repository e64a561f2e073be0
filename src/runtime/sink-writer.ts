import { isDeepStrictEqual } from 'node:util'
import type { Clock, Random } from '../core/clock.ts'
import type { Sink, SinkReceipt } from '../core/endpoints.ts'
import { PipelineError, RecordFailure } from '../core/errors.ts'
import type { JsonValue } from '../core/json.ts'
import type { StateChange } from '../core/log.ts'
import type { SinkAttempt } from '../core/telemetry.ts'
import type { RecordBatch } from '../core/record-batch.ts'
import type { NodeSettings } from '../topology/topology.ts'
import type { OperationMeter } from './operation-meter.ts'
import { pauseMs } from './retry.ts'
import type { TaskEvents } from './task-events.ts'

export interface SinkWriterOptions {
  readonly retry: NodeSettings['retry']
  readonly clock: Clock
  readonly random: Random
  readonly events: TaskEvents
  /** Repeats while the peer is unavailable or the disk is full; null when the signal has aborted. */
  readonly keepTrying: <Result>(
    attempt: () => Promise<Result>,
    signal: AbortSignal,
  ) => Promise<Result | null>
  readonly operations: OperationMeter
}

export interface Written {
  readonly state: readonly StateChange[]
  /** Records that the sink did not take, by their index in the batch. */
  readonly failures: readonly { readonly index: number; readonly failure: RecordFailure }[]
  /** From the first to the last attempt. */
  readonly backoffUs: number
  /** The first ones and the last, if there were very many. */
  readonly attempts: readonly SinkAttempt[]
}

/** A peer that is away for long is tried for long. */
const maxToldAttempts = 32

const sinkStep = '$sink'

/** Writes to the sink of a task: waits while it is unavailable, and gives up what it rejects. */
export class SinkWriter {
  readonly #sink: Sink
  readonly #options: SinkWriterOptions
  #memory: JsonValue

  /** @param memory as last committed; see `sinkMemory`. */
  constructor(sink: Sink, memory: JsonValue, options: SinkWriterOptions) {
    this.#sink = sink
    this.#memory = memory
    this.#options = options
  }

  /** What is to be committed before the first write; null when the signal has aborted. */
  async begin(signal: AbortSignal): Promise<readonly StateChange[] | null> {
    const before = this.#memory
    const memory = await this.#options.keepTrying(
      async () => ({ memory: await this.#sink.begin() }),
      signal,
    )
    if (memory === null) return null
    this.#memory = memory.memory
    return isDeepStrictEqual(memory.memory, before) ? [] : [this.#change()]
  }

  /** null when the signal has aborted before the sink took the batch. */
  async write(batch: RecordBatch, signal: AbortSignal): Promise<Written | null> {
    const { retry, clock, random, events, keepTrying, operations } = this.#options
    const startUs = clock.monotonicUs()
    let lastUs = startUs
    const attempts: SinkAttempt[] = []
    const tried = (error: string | null) => {
      if (attempts.length === maxToldAttempts) attempts.pop()
      attempts.push({ startUs: lastUs, endUs: clock.monotonicUs(), error })
    }
    const write = async () => {
      lastUs = clock.monotonicUs()
      try {
        const receipt = await operations.timed('send', clock, () => this.#sink.write(batch, signal))
        tried(null)
        return receipt
      } catch (thrown) {
        tried(thrown instanceof PipelineError ? thrown.code : 'INVARIANT')
        throw thrown
      }
    }
    for (let attempt = 1; ; attempt++) {
      try {
        const receipt = await keepTrying(write, signal)
        if (receipt === null) return null
        return { ...this.#taken(receipt, attempt), backoffUs: lastUs - startUs, attempts }
      } catch (thrown) {
        if (!(thrown instanceof PipelineError) || thrown.kind !== 'rejected') throw thrown
        if (attempt >= retry.max) {
          const failures = allOf(batch, thrown, attempt)
          return { state: [], failures, backoffUs: lastUs - startUs, attempts }
        }
        events.publish('record_retried', { attempt, code: thrown.code, message: thrown.message })
        await clock.sleep(pauseMs(retry.backoff, attempt - 1, random), signal)
        if (signal.aborted) return null
        operations.retried(thrown.code)
      }
    }
  }

  async close(): Promise<void> {
    await this.#sink.close()
  }

  #taken(
    { memory, failures }: SinkReceipt,
    attempts: number,
  ): Omit<Written, 'backoffUs' | 'attempts'> {
    const before = JSON.stringify(this.#memory)
    this.#memory = memory
    return {
      // A sink that remembers nothing needs no state, and so no transaction where the log is a cluster.
      state: JSON.stringify(memory) === before ? [] : [this.#change()],
      failures: failures.map(({ index, code, message }) => ({
        index,
        failure: new RecordFailure(code, message, attempts),
      })),
    }
  }

  #change(): StateChange {
    return { step: sinkStep, key: '', value: JSON.stringify(this.#memory), dueMs: null }
  }
}

/** A batch that is rejected as a whole: each of its records fails. */
function allOf(batch: RecordBatch, error: PipelineError, attempts: number): Written['failures'] {
  return Array.from({ length: batch.count }, (_, index) => ({
    index,
    failure: new RecordFailure('RECORD_REJECTED', error.message, attempts),
  }))
}

/** What the sink of a task remembers, of all that the task has stored. */
export function sinkMemory(stored: readonly StateChange[]): JsonValue {
  const found = stored.find(({ step }) => step === sinkStep)
  return found?.value == null ? null : (JSON.parse(found.value) as JsonValue)
}
