import type { AsyncCall } from '../../core/async-operator.ts'
import type { JsonObject } from '../../core/json.ts'
import type { ModuleRecord } from '../../core/module-operator.ts'
import type { StepRecord } from '../../core/step-record.ts'

/** One call of the user's function. What it does not ask for is not made. */
export class ModuleCall implements ModuleRecord {
  readonly config: unknown
  readonly #record: StepRecord
  readonly #call: AsyncCall
  #late: AbortController | null = null
  #signal: AbortSignal | null = null

  constructor(record: StepRecord, call: AsyncCall, config: unknown) {
    this.#record = record
    this.#call = call
    this.config = config
  }

  get key(): string | null {
    return this.#record.key
  }

  get headers(): JsonObject {
    return this.#record.headers
  }

  get topic(): string | null {
    return this.#record.topic
  }

  get partition(): number {
    return this.#record.partition
  }

  get offset(): number | null {
    return this.#record.offset
  }

  get timestamp(): number | null {
    return this.#record.timestamp
  }

  get traceparent(): string | null {
    return this.#call.traceparent
  }

  get signal(): AbortSignal {
    if (this.#signal === null) {
      this.#late = new AbortController()
      this.#signal = AbortSignal.any([this.#call.signal, this.#late.signal])
    }
    return this.#signal
  }

  /** The deadline has passed. */
  abort(): void {
    this.#late?.abort()
  }
}
