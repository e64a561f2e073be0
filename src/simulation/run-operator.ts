import { resolve } from 'node:path'
import { copyJson } from '../core/copy-json.ts'
import { invariant, RecordFailure } from '../core/errors.ts'
import { decodeJson, encodeJson, isJsonObject, type JsonValue } from '../core/json.ts'
import type {
  Disposition,
  DropReason,
  OperatorDefinition,
  StatefulContext,
  StatefulDefinition,
  StatefulOperator,
  StatelessOperator,
  SyncDefinition,
} from '../core/operator.ts'
import type { MadeRecord } from '../core/made-record.ts'
import { dispositions } from '../core/operator.ts'
import { emptyBytes, type RecordBatch } from '../core/record-batch.ts'
import { RecordBatchBuilder } from '../core/record-batch-builder.ts'
import type { TableSettings } from '../core/table.ts'
import { StepRecord } from '../core/step-record.ts'
import { bindConfig } from '../topology/bind-config.ts'
import { UndoableState } from './undoable-state.ts'

/** The event time of a bare value without a field `ts`. */
export const defaultEventTimeMs = Date.UTC(2026, 0, 1)

const noFolder = '/pipeline'

/** An input record of `runOperator` with more to it than a value. */
export class InputRecord {
  readonly value: JsonValue
  readonly key: string | null
  readonly eventTimeMs: number
  /** The bytes or text of the record; its value as JSON where it does not say. */
  readonly raw: string | Uint8Array | null

  constructor(parts: {
    value?: JsonValue
    key?: string | null
    eventTimeMs?: number
    raw?: string | Uint8Array | null
  }) {
    this.value = parts.value ?? null
    this.key = parts.key ?? null
    this.eventTimeMs = parts.eventTimeMs ?? timeOf(this.value)
    this.raw = parts.raw === undefined ? encodeJson(this.value) : parts.raw
  }
}

export interface RunOptions {
  /** Texts of the files that the setting names, by the path as the setting has it. */
  readonly files?: Readonly<Record<string, string>>
  /** The folder that paths in the setting start from; by default one that does not exist. */
  readonly folder?: string
  /** As `tables` of a pipeline file, by name. */
  readonly tables?: Readonly<Record<string, TableSettings>>
  /** Whether the watermark follows the records, or stays back until the end as for a bounded source. */
  readonly watermark?: 'follows' | 'held'
  /** Encodes the state, makes the operator anew and decodes the state, after every record. */
  readonly restarts?: boolean
}

export interface OperatorRun {
  /** Values as they leave the stage: times are ISO text. With what the operator made itself. */
  readonly emitted: JsonValue[]
  /** The same records with key and event time. */
  readonly records: MadeRecord[]
  readonly dropped: DropReason[]
  readonly failed: RecordFailure[]
  readonly late: JsonValue[]
  /** How often a record went into the state. */
  absorbed: number
  /** What became of each input. */
  readonly dispositions: Disposition[]
  /** How many entries the state has at the end. */
  stateSize: number
}

/**
 * Runs one operator over its input and to the end of it, as the one step of a stage would.
 * @param config the setting as it stands in a pipeline file.
 * @param input bare values (event time: their field `ts`, else `defaultEventTimeMs`; a text is the
 *   raw text for a `parse` of whole records), or `InputRecord`s.
 * @throws ZodError for a setting that is not valid; PipelineError for an expression that is not, or
 *   INVARIANT when the operator loses a record.
 */
// oxlint-disable-next-line max-params -- in a test, definition, setting and input stand side by side
export function runOperator(
  definition: SyncDefinition,
  config: unknown,
  input: readonly (JsonValue | InputRecord)[],
  options: RunOptions = {},
): OperatorRun {
  const parsed = bound(definition, config, options)
  const takesText =
    definition.type === 'parse' && (parsed as { field: string | null }).field === null
  const records = input.map((item) => inputRecord(item, takesText))
  const bench = new OperatorBench(definition, parsed, options)
  // A batch is never empty, and an input may be.
  const batch = records.length === 0 ? null : batchOf(records)
  for (const [index, { value }] of records.entries()) {
    bench.record.moveTo(batch!, index, {
      topic: 'input',
      partition: 0,
      baseOffset: 0n,
      source: null,
    })
    bench.record.value = takesText ? null : copyJson(value)
    bench.step()
  }
  bench.end()
  bench.run.stateSize = bench.state.size
  return bench.run
}

/** The setting as `create` takes it: checked, with its expressions compiled and its files read. */
export function bound(
  definition: OperatorDefinition,
  config: unknown,
  options: RunOptions = {},
): unknown {
  const parsed: unknown = definition.config.parse(config)
  const { folder = noFolder } = options
  const texts = new Map(
    Object.entries(options.files ?? {}).map(([path, text]) => [resolve(folder, path), text]),
  )
  bindConfig(parsed, [], {
    folder,
    readText: (path) => {
      const text = texts.get(path)
      invariant(text !== undefined, `the test has no file ${path}`)
      return text
    },
    report: (_path, thrown) => {
      throw thrown
    },
    table: (name) => options.tables?.[name],
  })
  return parsed
}

class OperatorBench implements StatefulContext<unknown> {
  readonly record = new StepRecord()
  readonly run: OperatorRun = {
    emitted: [],
    records: [],
    dropped: [],
    failed: [],
    late: [],
    absorbed: 0,
    dispositions: [],
    stateSize: 0,
  }
  readonly state = new UndoableState<unknown>()
  watermarkMs = Number.NEGATIVE_INFINITY
  /** The wall clock goes with the event times of the records. */
  nowMs = defaultEventTimeMs
  readonly #definition: SyncDefinition
  readonly #config: unknown
  readonly #options: RunOptions
  readonly #project: StatelessOperator | null
  #operator: StatelessOperator | StatefulOperator<unknown>
  readonly #outcomes = new Set<Disposition>()

  constructor(definition: SyncDefinition, config: unknown, options: RunOptions) {
    this.#definition = definition
    this.#config = config
    this.#options = options
    this.#operator = definition.create(config)
    this.#project = definition.kind === 'stateful' ? (definition.project?.(config) ?? null) : null
  }

  emit(record: StepRecord): void {
    this.#outcomes.add('emitted')
    this.produce({ key: record.key, value: record.value, eventTimeMs: record.eventTimeMs })
  }

  drop(reason: DropReason): void {
    this.#outcomes.add(reason)
    this.run.dropped.push(reason)
  }

  absorb(): void {
    this.#outcomes.add('absorbed')
    this.run.absorbed += 1
  }

  late(record: StepRecord): void {
    this.#outcomes.add('late')
    this.run.late.push(decodeJson(encodeJson(record.value)))
  }

  produce(made: MadeRecord): void {
    const value = decodeJson(encodeJson(made.value))
    this.run.emitted.push(value)
    this.run.records.push({ ...made, value })
  }

  /** Takes `record` through the operator, then moves the watermark. */
  step(): void {
    this.#outcomes.clear()
    const { eventTimeMs } = this.record
    this.nowMs = Math.max(this.nowMs, eventTimeMs)
    this.#wake()
    const { emitted, records, dropped, late, absorbed } = this.run
    const before = [emitted.length, dropped.length, late.length] as const
    try {
      if (this.#project === null) this.#operator.process(this.record, this)
      else this.#projectAndProcess(this.#project)
    } catch (thrown) {
      if (!(thrown instanceof RecordFailure)) throw thrown
      // The record fails as a whole: what it has led to so far is taken back.
      this.state.undo()
      emitted.length = before[0]
      records.length = before[0]
      dropped.length = before[1]
      late.length = before[2]
      this.run.absorbed = absorbed
      this.#outcomes.add('dead_lettered')
      this.run.failed.push(thrown)
    }
    this.state.settle()
    const strongest = dispositions.find((disposition) => this.#outcomes.has(disposition))
    invariant(
      strongest !== undefined,
      `${this.#definition.type} lost record ${this.run.dispositions.length}`,
    )
    this.run.dispositions.push(strongest)
    if (this.#options.watermark !== 'held') this.#advance(eventTimeMs)
    if (this.#options.restarts === true) this.#restart()
  }

  end(): void {
    const operator = this.#stateful()
    if (operator === null) return
    const endMs = operator.onEnd(this)
    if (endMs !== null) this.#advance(endMs)
  }

  #projectAndProcess(project: StatelessOperator): void {
    project.process(this.record, {
      emit: (record) => {
        // The projection may travel through a topic.
        record.value = decodeJson(encodeJson(record.value))
        this.#operator.process(record, this)
      },
      drop: (reason) => this.drop(reason),
    })
  }

  #advance(toMs: number): void {
    this.watermarkMs = Math.max(this.watermarkMs, toMs)
    const operator = this.#stateful()
    if (operator !== null && operator.timers !== 'wall') this.#fire(operator, this.watermarkMs)
  }

  #wake(): void {
    const operator = this.#stateful()
    if (operator?.timers === 'wall') this.#fire(operator, this.nowMs)
  }

  #fire(operator: StatefulOperator<unknown>, upToMs: number): void {
    for (let due = this.state.takeDue(upToMs); due !== null; due = this.state.takeDue(upToMs))
      operator.onDue(due.key, due.value, this)
    this.state.settle()
  }

  #restart(): void {
    const operator = this.#stateful()
    if (operator === null) return
    const { codec } = operator
    this.#operator = (this.#definition as StatefulDefinition).create(this.#config)
    this.state.replaceValues((value) => codec.decode(codec.encode(value)))
  }

  #stateful(): StatefulOperator<unknown> | null {
    return 'onEnd' in this.#operator ? this.#operator : null
  }
}

function inputRecord(item: JsonValue | InputRecord, takesText: boolean): InputRecord {
  if (item instanceof InputRecord) return item
  if (takesText && typeof item === 'string') return new InputRecord({ raw: item })
  return new InputRecord({ value: item })
}

function timeOf(value: JsonValue): number {
  const ts = isJsonObject(value) ? value['ts'] : null
  if (typeof ts === 'number') return ts
  const time = typeof ts === 'string' ? Date.parse(ts) : Number.NaN
  return Number.isNaN(time) ? defaultEventTimeMs : time
}

/** What a task would read: the records as one batch. */
export function batchOf(records: readonly InputRecord[]): RecordBatch {
  const builder = new RecordBatchBuilder('')
  for (const { key, raw, eventTimeMs } of records) {
    const times = { timestampMs: eventTimeMs, eventTimeMs, ingestUs: 0, waitUs: 0, runUs: 0 }
    builder.append({ key, value: raw, headers: emptyBytes, times })
  }
  return builder.finish()
}
