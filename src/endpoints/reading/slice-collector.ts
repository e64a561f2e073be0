import type { Clock } from '../../core/clock.ts'
import type { ReadRequest, SourceSlice } from '../../core/endpoints.ts'
import type { RecordErrorCode } from '../../core/errors.ts'
import type { JsonValue } from '../../core/json.ts'
import { emptyBytes } from '../../core/record-batch.ts'
import { RecordBatchBuilder } from '../../core/record-batch-builder.ts'
import type { ByteStream } from './byte-stream.ts'
import type { RecordCutter } from './record-cutter.ts'

type Failure = SourceSlice['failures'][number]

/** A run of records of the slice that come from one input. */
interface Part {
  readonly from: number
  readonly name: string
}

/** Collects the records of one slice, from one input or several. Used again for every slice. */
export class SliceCollector {
  readonly #clock: Clock
  readonly #builder = new RecordBatchBuilder('')
  readonly #times = { timestampMs: 0, eventTimeMs: Number.NaN, ingestUs: 0, waitUs: 0, runUs: 0 }
  /** One object for all records: the builder copies what it is given. */
  readonly #record = {
    key: null,
    value: emptyBytes as Uint8Array | string,
    headers: emptyBytes,
    times: this.#times,
  }
  #lines = new Float64Array(1_024)
  #parts: Part[] = []
  #failures: Failure[] = []
  #positions = new Map<string, JsonValue>()
  #request: ReadRequest

  constructor(clock: Clock, request: ReadRequest) {
    this.#clock = clock
    this.#request = request
    this.stamp()
  }

  begin(request: ReadRequest): void {
    this.#request = request
  }

  get count(): number {
    return this.#builder.count
  }

  get signal(): AbortSignal {
    return this.#request.signal
  }

  /** Bytes have arrived: records found from now on entered the pipeline at this time. */
  stamp(): void {
    this.#times.timestampMs = this.#clock.wallMs()
    this.#times.ingestUs = this.#clock.monotonicUs()
  }

  /** Records added from now on come from this input. */
  startPart(name: string): void {
    if (this.#parts.at(-1)?.name !== name) this.#parts.push({ from: this.count, name })
  }

  isFull(): boolean {
    const { maxRecords, maxBytes } = this.#request
    return this.count >= maxRecords || (this.count > 0 && this.#builder.dataBytes >= maxBytes)
  }

  /** Whether a record of this size fits; the first one always does. */
  fits(bytes: number): boolean {
    if (this.count === 0) return true
    const { maxRecords, maxBytes } = this.#request
    return this.count < maxRecords && this.#builder.dataBytes + bytes <= maxBytes
  }

  add(value: Uint8Array | string, line: number): void {
    const index = this.#builder.count
    if (index === this.#lines.length) {
      const larger = new Float64Array(2 * index)
      larger.set(this.#lines)
      this.#lines = larger
    }
    this.#lines[index] = line
    this.#record.value = value
    this.#builder.append(this.#record)
  }

  /** The record added last could not be read. */
  fail(failure: { readonly code: RecordErrorCode; readonly message: string }): void {
    this.#failures.push({ index: this.count - 1, ...failure })
  }

  setPosition(split: string, position: JsonValue): void {
    this.#positions.set(split, position)
  }

  finish(): SourceSlice {
    const lines = this.#lines.slice(0, this.count)
    const parts = this.#parts
    const slice: SourceSlice = {
      batch: this.#builder.finish(),
      failures: this.#failures,
      positions: this.#positions,
      info: (index) => ({ path: partOf(parts, index), line: lines[index] ?? 0 }),
    }
    this.#failures = []
    this.#positions = new Map()
    this.#parts = []
    return slice
  }
}

function partOf(parts: readonly Part[], index: number): string {
  let low = 0
  let high = parts.length - 1
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (parts[middle]!.from <= index) low = middle
    else high = middle - 1
  }
  return parts[low]?.name ?? ''
}

/**
 * Moves records from the input into the slice.
 * @returns `end` at the end of the input; `pause` when the slice is full, the signal has aborted, or
 *   the input would have to be waited for while there are records to hand on.
 */
export async function collectRecords(
  collector: SliceCollector,
  cutter: RecordCutter,
  stream: ByteStream,
): Promise<'end' | 'pause'> {
  while (!collector.isFull()) {
    const outcome = collectFromWindow(collector, cutter)
    if (outcome === 'end') return 'end'
    if (outcome === 'full') return 'pause'
    if (collector.count > 0 && !stream.isReady()) return 'pause'
    if (!(await cutter.window.readFrom(stream, collector.signal))) return 'pause'
    collector.stamp()
  }
  return 'pause'
}

function collectFromWindow(
  collector: SliceCollector,
  cutter: RecordCutter,
): 'end' | 'more' | 'full' {
  for (;;) {
    const outcome = cutter.look()
    if (outcome !== 'record') return outcome
    const { value, failure } = cutter
    if (!collector.fits(value.length)) return 'full'
    collector.add(value, cutter.line)
    if (failure !== null) collector.fail(failure)
    cutter.consume()
  }
}
