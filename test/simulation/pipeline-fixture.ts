import { z } from 'zod'
import type { Definitions } from '../../src/core/definitions.ts'
import {
  defineSink,
  defineSource,
  type SinkDefinition,
  type SourceDefinition,
} from '../../src/core/endpoints.ts'
import { defineListener } from '../../src/core/hook.ts'
import { decodeJson, type JsonValue } from '../../src/core/json.ts'
import type { Header, RecordBatch } from '../../src/core/record-batch.ts'
import { operators } from '../../src/operators/registry.generated.ts'
import type { StageReport } from '../../src/runtime/run-report.ts'
import { PipelineDriver } from '../../src/simulation/pipeline-driver.ts'
import type { PushedRecord } from '../../src/simulation/push-source.ts'
import { loadPipeline } from '../../src/spec/load-pipeline.ts'
import type { PipelineSpec } from '../../src/spec/pipeline-spec.ts'
import { compileTopology, type CompileProblem } from '../../src/topology/compile.ts'
import type { LogKind, Regroup, Topology } from '../../src/topology/topology.ts'

/** Midnight: window starts are easy to read from it. */
export const startMs = Date.UTC(2026, 0, 1)

/** A source and a sink to be replaced, in shapes that the compiler tells apart. */
export const fixtureSource = defineSource({
  type: 'feed',
  summary: 'A source that a test stands in for.',
  config: z.unknown(),
  examples: [{ title: 'any', config: 1 }],
  files: () => [],
  replayable: true,
  bounded: () => false,
  create: () => ({ read: () => Promise.resolve(null), close: () => Promise.resolve() }),
})
export const boundedSource: SourceDefinition = {
  ...fixtureSource,
  type: 'bounded_feed',
  bounded: () => true,
}
export const fixtureSink = defineSink({
  type: 'drain',
  summary: 'A sink that a test stands in for.',
  config: z.unknown(),
  examples: [{ title: 'any', config: 1 }],
  reset: () => Promise.resolve(),
  delivery: 'at_least_once',
  singleTask: () => false,
  files: () => [],
  create: () => ({
    begin: () => Promise.resolve(null),
    write: () => Promise.resolve({ memory: null, failures: [] }),
    close: () => Promise.resolve(),
  }),
})
export const oneFileSink: SinkDefinition = {
  ...fixtureSink,
  type: 'one_file',
  singleTask: () => true,
}
const listener = defineListener({
  type: 'tell',
  summary: 'A listener that a test stands in for.',
  config: z.unknown(),
  examples: [{ title: 'any', config: 1 }],
  create: () => ({ notify: () => {} }),
})

export const definitions: Definitions = {
  operators,
  sources: [fixtureSource, boundedSource],
  sinks: [fixtureSink, oneFileSink],
  listeners: [listener],
}

export interface CompileOptions {
  /** Of every topic, whatever the file says. */
  readonly partitions?: number
  readonly regroup?: Regroup
  readonly log?: LogKind
  readonly definitions?: Definitions
}

export function specOf(text: string, options: CompileOptions = {}): PipelineSpec {
  return loadPipeline(text, {
    file: 'x.yaml',
    definitions: options.definitions ?? definitions,
    environment: {},
    readSecret: () => undefined,
  }).spec
}

export function compileText(text: string, options: CompileOptions = {}) {
  return compileTopology(specOf(text, options), {
    folder: '/pipelines',
    readText: () => '',
    ...(options.partitions === undefined ? {} : { partitions: options.partitions }),
    ...(options.regroup === undefined ? {} : { regroup: options.regroup }),
    ...(options.log === undefined ? {} : { log: options.log }),
  })
}

/** Refuses a file with errors: a test that wants them asks `compileText`. */
export function topologyOf(text: string, options: CompileOptions = {}): Topology {
  const { topology, problems } = compileText(text, options)
  const errors = problems.filter(({ severity }) => severity === 'error').map(messageOfProblem)
  if (errors.length > 0) throw new TypeError(errors.join('\n'))
  return topology
}

export function messageOfProblem({ thrown }: CompileProblem): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

/** The pipeline at work, over a virtual clock that stands at `startMs`. */
export async function drive(text: string, options: CompileOptions = {}): Promise<PipelineDriver> {
  const driver = new PipelineDriver(topologyOf(text, options), { startMs })
  await driver.start()
  return driver
}

export function json(value: unknown, more: Partial<PushedRecord> = {}): PushedRecord {
  return { key: null, value: JSON.stringify(value), headers: [], timestampMs: null, ...more }
}

export function raw(value: string | null, more: Partial<PushedRecord> = {}): PushedRecord {
  return { key: null, value, headers: [], timestampMs: null, ...more }
}

/** ISO text of a time so many seconds after the start. */
export function at(seconds: number): string {
  return new Date(startMs + 1_000 * seconds).toISOString()
}

export interface SeenRecord {
  readonly key: string | null
  readonly text: string | null
  readonly value: JsonValue
  readonly headers: readonly Header[]
  /** Header values as text; of a name given twice the last. */
  readonly facts: Readonly<Record<string, string>>
  readonly eventTimeMs: number
  readonly ingestUs: number
  readonly waitUs: number
  readonly runUs: number
}

/** All records but markers, in their order. */
export function recordsOf(batches: readonly RecordBatch[]): SeenRecord[] {
  return batches.flatMap((batch) =>
    Array.from({ length: batch.count }, (_, index) => index)
      .filter((index) => !batch.isMarker(index))
      .map((index) => seen(batch, index)),
  )
}

function seen(batch: RecordBatch, index: number): SeenRecord {
  const headers = batch.headers(index)
  const text = batch.valueText(index)
  return {
    key: batch.keyText(index),
    text,
    value: decodedOrNull(text),
    headers,
    facts: Object.fromEntries(
      headers.map(([name, value]) => [name, Buffer.from(value).toString()]),
    ),
    eventTimeMs: batch.eventTimeMs[index]!,
    ingestUs: batch.ingestUs[index]!,
    waitUs: batch.waitUs[index]!,
    runUs: batch.runUs[index]!,
  }
}

function decodedOrNull(text: string | null): JsonValue {
  try {
    return text === null ? null : decodeJson(text)
  } catch {
    return null
  }
}

export async function inTopic(driver: PipelineDriver, topic: string): Promise<SeenRecord[]> {
  return recordsOf(await driver.stored(topic))
}

export function inSink(driver: PipelineDriver, stage: string): SeenRecord[] {
  return recordsOf(driver.written(stage))
}

export function valuesOf(records: readonly SeenRecord[]): JsonValue[] {
  return records.map(({ value }) => value)
}

/** As texts in a fixed order, to compare what came in any order. */
export function sorted(records: readonly SeenRecord[]): string[] {
  return records.map(({ key, text }) => `${key} ${text}`).toSorted()
}

export async function stageOf(driver: PipelineDriver, stage: string): Promise<StageReport> {
  const { pipelines } = await driver.report()
  const found = pipelines[0]!.stages.find((each) => each.stage === stage)
  if (found === undefined) throw new TypeError(`there is no stage ${stage}`)
  return found
}
