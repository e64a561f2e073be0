import type { MadeRecord } from './made-record.ts'
import type { z } from 'zod'
import type { AsyncOperator, AsyncPlace, OperatorEnvironment } from './async-operator.ts'
import type { JsonValue } from './json.ts'
import type { StepRecord } from './step-record.ts'

/** What became of an input record of a stage; of several results the earliest in this list counts. */
export const dispositions = [
  'dead_lettered',
  'emitted',
  'absorbed',
  'late',
  'deduplicated',
  'filtered',
  'skipped',
] as const
export type Disposition = (typeof dispositions)[number]
export type DropReason = 'filtered' | 'deduplicated' | 'skipped'

/**
 * What a step may do with the record that it was given, any number of times; to fail the record it
 * throws a `RecordFailure`. A step that does none of these loses the record: the runtime stops with a
 * bug.
 */
export interface OperatorContext {
  /** Hands the record, with its value as it is now, to the next step. */
  emit(record: StepRecord): void
  /** Ends the record here, with a reason that is counted. */
  drop(reason: DropReason): void
}

/** Values by key, of one step in one task; written to the log in the commit of the slice. */
export interface KeyedState<Value> {
  get(key: string): Value | undefined
  /**
   * Keeps `value` under `key`. From then on the operator changes the value only in a call that ends
   * in `absorb`, and puts it again: a record that fails later in the stage takes back its puts, not
   * changes made in place.
   * @param dueMs event time, or wall clock (`timers`), at which `onDue` is called for the entry; none by default.
   */
  put(key: string, value: Value, dueMs?: number): void
  delete(key: string): void
  keys(): IterableIterator<string>
  readonly size: number
}

export interface StatefulContext<Value> extends OperatorContext {
  readonly state: KeyedState<Value>
  /** Event time up to which the input is complete, epoch ms; -Infinity while nothing is known. */
  readonly watermarkMs: number
  /** Wall clock, epoch ms: read once for each slice, and whenever `onDue` or `onFlush` is called. */
  readonly nowMs: number
  /** The record lives on in the state only. */
  absorb(): void
  /** The record came after all its windows had closed; it goes to the stage's late topic. */
  late(record: StepRecord): void
  /** Hands a record of the operator's own making to the next step; if it fails there, it alone does. */
  produce(made: MadeRecord): void
}

export interface StatelessOperator {
  process(record: StepRecord, context: OperatorContext): void
}

export interface StateCodec<Value> {
  encode(value: Value): string
  /** @throws anything when the text was not made by `encode`: the runtime stops with LOG_CORRUPT. */
  decode(text: string): Value
}

export interface StatefulOperator<Value> {
  readonly codec: StateCodec<Value>
  /** Each entry of its state is an open window. */
  readonly hasWindows?: true
  /** Due times are of the wall clock, not of event time: `onDue` is called also where no record comes. */
  readonly timers?: 'wall'
  /**
   * With wall timers: bytes of its state above which the stage reads no more until some of it was due.
   * Something has to be due in time then.
   */
  readonly maxBytes?: number
  process(record: StepRecord, context: StatefulContext<Value>): void
  /** The watermark, or the wall clock, has reached the entry's `dueMs`. Entries come in order of due time, then key. */
  onDue(key: string, value: Value, context: StatefulContext<Value>): void
  /** Called every so many wall-clock milliseconds with `onFlush`; null for never. */
  readonly flushEveryMs: number | null
  onFlush(context: StatefulContext<Value>): void
  /**
   * The bounded input has ended. Returns the event time (epoch ms) that the watermark moves to, or
   * null to leave it where it is.
   */
  onEnd(context: StatefulContext<Value>): number | null
}

export interface OperatorExample {
  readonly title: string
  /** The setting as it stands in a pipeline file. */
  readonly config: unknown
  readonly input: readonly JsonValue[]
  /** What is emitted, with what a stateful operator emits at the end of its input. */
  readonly output: readonly JsonValue[]
}

/** Names of the fields that a record's value can have at the top level; null where they are not known. */
export type FieldNames = ReadonlySet<string> | null

interface DefinitionBase<Type extends string, Config extends z.ZodType> {
  /** The word in pipeline files, and the name of the definition's file. */
  readonly type: Type
  readonly summary: string
  /** The schema of the setting: from it come the type, the validation, the JSON Schema and the page. */
  readonly config: Config
  readonly examples: readonly [OperatorExample, ...OperatorExample[]]
  /**
   * The top-level fields that the step reads or sets, besides those that expressions of its setting
   * name: where all steps of a stage say so, nothing else of the value is decoded and encoded again.
   * A step that says so neither removes fields nor replaces the value as a whole. Absent, or null: any
   * field.
   */
  touches?(config: z.output<Config>): readonly string[] | null
  /** The fields after this step, given those before; an operator without it leaves them as they were. */
  fieldsAfter?(before: FieldNames, config: z.output<Config>): FieldNames
}

export interface StatelessDefinition<
  Type extends string = string,
  Config extends z.ZodType = z.ZodType,
> extends DefinitionBase<Type, Config> {
  readonly kind: 'stateless'
  /** Whether one record can become several. */
  readonly emitsMany?: boolean
  create(config: z.output<Config>): StatelessOperator
}

export interface StatefulDefinition<
  Type extends string = string,
  Config extends z.ZodType = z.ZodType,
  // oxlint-disable-next-line typescript/no-explicit-any -- the registry holds operators of any state
  Value = any,
> extends DefinitionBase<Type, Config> {
  readonly kind: 'stateful'
  /**
   * A step that runs before this one, possibly in another task: it reduces the value to what `process`
   * needs and sets `madeKey`, by which the records are brought together. Whatever can fail on the
   * user's value fails there, where the original bytes still are. Absent: the step takes records as
   * they are, with the scope of its partition.
   */
  project?(config: z.output<Config>): StatelessOperator
  /**
   * What is told where records that belong together may lie in several partitions, though each has a
   * state of its own; null: nothing. They belong together by the expression `by` of the setting.
   */
  scopeWarning?(config: z.output<Config>): string | null
  /** Whether records of one `madeKey` always lie in one partition already, because it is the record's key. */
  keepsKey?(config: z.output<Config>): boolean
  create(config: z.output<Config>): StatefulOperator<Value>
}

/** An operator that waits for something outside. It runs before any step that keeps state. */
export interface AsyncDefinition<
  Type extends string = string,
  Config extends z.ZodType = z.ZodType,
> extends DefinitionBase<Type, Config> {
  readonly kind: 'async'
  /** Whether one record can become several. */
  readonly emitsMany?: boolean
  /**
   * Called when a task opens. One that reaches nothing yet is made all the same: its calls tell.
   * @throws PipelineError CONFIG_FILE when a file of the setting cannot be used.
   */
  create(
    config: z.output<Config>,
    environment: OperatorEnvironment,
    place: AsyncPlace,
  ): AsyncOperator | Promise<AsyncOperator>
}

export type OperatorDefinition = StatelessDefinition | StatefulDefinition | AsyncDefinition
/** Those that run within the step of a task. */
export type SyncDefinition = StatelessDefinition | StatefulDefinition

export function defineStateless<Type extends string, Config extends z.ZodType>(
  definition: StatelessDefinition<Type, Config>,
): StatelessDefinition<Type, Config> {
  return definition
}

export function defineStateful<Type extends string, Config extends z.ZodType, Value>(
  definition: StatefulDefinition<Type, Config, Value>,
): StatefulDefinition<Type, Config, Value> {
  return definition
}

export function defineAsync<Type extends string, Config extends z.ZodType>(
  definition: AsyncDefinition<Type, Config>,
): AsyncDefinition<Type, Config> {
  return definition
}
