import type { OperatorEnvironment } from '../core/async-operator.ts'
import { copyJson } from '../core/copy-json.ts'
import { RecordFailure } from '../core/errors.ts'
import { decodeJson, encodeJson, type JsonValue } from '../core/json.ts'
import type { AsyncDefinition, Disposition } from '../core/operator.ts'
import { batchOf, bound, InputRecord, type RunOptions } from './run-operator.ts'
import { StepRecord } from '../core/step-record.ts'

export interface AsyncOperatorRun {
  /** Values as they leave the stage. */
  readonly emitted: readonly JsonValue[]
  readonly failed: readonly RecordFailure[]
  /** What became of each input. */
  readonly dispositions: readonly Disposition[]
}

export interface AsyncRunOptions extends Pick<RunOptions, 'files' | 'folder' | 'tables'> {
  readonly environment: OperatorEnvironment
  /** Of the stage, where it says. */
  readonly concurrency?: number
}

export interface AsyncOperatorInput {
  /** The setting as it stands in a pipeline file. */
  readonly config: unknown
  readonly input: readonly (JsonValue | InputRecord)[]
}

/**
 * Runs one asynchronous operator over its input, all records at once if it takes them so, and closes it.
 * @throws ZodError for a setting that is not valid; whatever a call throws that is no failure of a record.
 */
export async function runAsyncOperator(
  definition: AsyncDefinition,
  { config, input }: AsyncOperatorInput,
  options: AsyncRunOptions,
): Promise<AsyncOperatorRun> {
  const { environment, concurrency = null } = options
  const place = { pipeline: 'test', stage: 'stage', step: definition.type, concurrency }
  const parsed = bound(definition, config, options)
  const operator = await definition.create(parsed, environment, place)
  const records = input.map((item) =>
    item instanceof InputRecord ? item : new InputRecord({ value: item }),
  )
  const batch = records.length === 0 ? null : batchOf(records)
  const { signal } = new AbortController()
  const call = async (index: number) => {
    const record = new StepRecord()
    record.moveTo(batch!, index, { topic: 'input', partition: 0, baseOffset: 0n, source: null })
    record.value = copyJson(records[index]!.value)
    try {
      return await operator.process(record, { signal, traceparent: null })
    } catch (thrown) {
      if (thrown instanceof RecordFailure) return thrown
      throw thrown
    }
  }
  const results: Awaited<ReturnType<typeof call>>[] = []
  try {
    if (operator.inFlight !== undefined) {
      results.push(...(await Promise.all(records.map((_, index) => call(index)))))
    } else for (const index of records.keys()) results.push(await call(index))
  } finally {
    await operator.close()
  }
  return {
    emitted: results.flatMap((result) =>
      Array.isArray(result) ? result.map((value) => decodeJson(encodeJson(value))) : [],
    ),
    failed: results.filter((result) => result instanceof RecordFailure),
    dispositions: results.map((result) => {
      if (result instanceof RecordFailure) return 'dead_lettered'
      if (typeof result === 'string') return result
      return result.length === 0 ? 'filtered' : 'emitted'
    }),
  }
}
