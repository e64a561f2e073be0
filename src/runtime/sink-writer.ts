import { isDeepStrictEqual } from 'node:util'
import type { Clock, Random } from '../core/clock.ts'
import type { Sink, SinkOrigins, SinkReceipt } from '../core/endpoints.ts'
import { PipelineError, RecordFailure } from '../core/errors.ts'
import type { JsonValue } from '../core/json.ts'
import type { StateChange } from '../core/log.ts'
import type { SinkAttempt } from '../core/telemetry.ts'
import type { RecordBatch } from '../core/record-batch.ts'
import type { NodeSettings } from '../topology/topology.ts'
import type { OperationMeter } from './operation-meter.ts'
import { pauseMs } from './retry.ts'
import type { TaskEvents } from './task-events.ts'
import { Unwritten } from './unwritten.ts'

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

export interface RefusedRecord {
  readonly index: number
  readonly failure: RecordFailure
}

export interface Written {
  readonly state: readonly StateChange[]
  /** Records that the sink did not take, by their index in the batch. */
  readonly failures: readonly RefusedRecord[]
  /** From the first to the last attempt. */
  readonly backoffUs: number
  /** The first ones and the last, if there were very many. */
  readonly attempts: readonly SinkAttempt[]
}

/** What is told of the attempts so far. */
interface Told {
  readonly attempts: SinkAttempt[]
  lastUs: number
}

const refusal = 'PEER_REJECTED'
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
  async write(
    batch: RecordBatch,
    origins: SinkOrigins,
    signal: AbortSignal,
  ): Promise<Written | null> {
    const { retry, clock, random, events, keepTrying, operations } = this.#options
    const startUs = clock.monotonicUs()
    const before = JSON.stringify(this.#memory)
    const told: Told = { attempts: [], lastUs: startUs }
    const failures: RefusedRecord[] = []
    let left = new Unwritten(batch, origins)
    for (let attempt = 1; ; attempt++) {
      const now = left
      const receipt = await keepTrying(() => this.#write(now, told, signal), signal)
      if (receipt === null) return null
      for (const { index, code, message } of receipt.failures) {
        failures.push({ index: left.at(index), failure: new RecordFailure(code, message, attempt) })
      }
      const [first] = receipt.refused
      if (first === undefined || attempt >= retry.max) {
        for (const { index, message } of receipt.refused) {
          const failure = new RecordFailure('RECORD_REJECTED', message, attempt)
          failures.push({ index: left.at(index), failure })
        }
        const { attempts, lastUs } = told
        return {
          state: this.#changedSince(before),
          failures,
          backoffUs: lastUs - startUs,
          attempts,
        }
      }
      events.publish('record_retried', { attempt, code: refusal, message: first.message })
      await clock.sleep(pauseMs(retry.backoff, attempt - 1, random), signal)
      if (signal.aborted) return null
      operations.retried(refusal)
      left = left.only(receipt.refused.map(({ index }) => index))
    }
  }

  /** One attempt. A batch that is rejected as a whole is one with each of its records refused. */
  async #write(
    { batch, origins }: Unwritten,
    told: Told,
    signal: AbortSignal,
  ): Promise<Required<SinkReceipt>> {
    const { clock, operations } = this.#options
    told.lastUs = clock.monotonicUs()
    const tell = (error: string | null) => {
      if (told.attempts.length === maxToldAttempts) told.attempts.pop()
      told.attempts.push({ startUs: told.lastUs, endUs: clock.monotonicUs(), error })
    }
    try {
      const write = () => this.#sink.write(batch, signal, origins)
      const receipt = await operations.timed('send', clock, write)
      this.#memory = receipt.memory
      const { refused = [] } = receipt
      tell(refused.length === 0 ? null : refusal)
      return { ...receipt, refused }
    } catch (thrown) {
      tell(thrown instanceof PipelineError ? thrown.code : 'INVARIANT')
      if (!(thrown instanceof PipelineError) || thrown.kind !== 'rejected') throw thrown
      const { message } = thrown
      const refused = Array.from({ length: batch.count }, (_, index) => ({ index, message }))
      return { memory: this.#memory, failures: [], refused }
    }
  }

  async close(): Promise<void> {
    await this.#sink.close()
  }

  /** A sink that remembers nothing needs no state, and so no transaction where the log is a cluster. */
  #changedSince(before: string): readonly StateChange[] {
    return JSON.stringify(this.#memory) === before ? [] : [this.#change()]
  }

  #change(): StateChange {
    return { step: sinkStep, key: '', value: JSON.stringify(this.#memory), dueMs: null }
  }
}

/** What the sink of a task remembers, of all that the task has stored. */
export function sinkMemory(stored: readonly StateChange[]): JsonValue {
  const found = stored.find(({ step }) => step === sinkStep)
  return found?.value == null ? null : (JSON.parse(found.value) as JsonValue)
}
