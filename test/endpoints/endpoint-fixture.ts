import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { afterAll } from 'vitest'
import type { Clock } from '../../src/core/clock.ts'
import type {
  EndpointEnvironment,
  ReadRequest,
  Source,
  SourceSlice,
} from '../../src/core/endpoints.ts'
import { PipelineError } from '../../src/core/errors.ts'
import { FilePath, RegularExpression, Template } from '../../src/core/expression.ts'
import type { JsonValue } from '../../src/core/json.ts'
import { emptyBytes, type RecordBatch } from '../../src/core/record-batch.ts'
import { RecordBatchBuilder } from '../../src/core/record-batch-builder.ts'
import { compileTemplate } from '../../src/expressions/compile-template.ts'
import { compilePattern } from '../../src/expressions/pattern.ts'

/** A clock that stands still but for what is slept. */
export class ManualClock implements Clock {
  nowMs = Date.UTC(2026, 0, 1)
  readonly slept: number[] = []

  wallMs(): number {
    return this.nowMs
  }

  monotonicUs(): number {
    return 1_000 * this.nowMs
  }

  sleep(durationMs: number): Promise<void> {
    this.slept.push(durationMs)
    this.nowMs += Math.max(0, durationMs)
    return Promise.resolve()
  }
}

export interface TestEnvironment extends EndpointEnvironment {
  readonly clock: ManualClock
  readonly stdin: PassThrough
  readonly notices: string[]
  readonly told: string[]
  /** What was written to stdout. */
  readonly printed: () => string
}

export function anEnvironment(): TestEnvironment {
  const notices: string[] = []
  const told: string[] = []
  let printed = ''
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, callback) {
      printed += chunk.toString()
      callback()
    },
  })
  return {
    clock: new ManualClock(),
    random: { next: () => 0.5 },
    stdin: new PassThrough(),
    stdout,
    notice: (message) => notices.push(message),
    tell: (message) => told.push(message),
    notices,
    told,
    printed: () => printed,
  }
}

/** A folder that is removed when the tests of the file are over. */
export function aFolder(): {
  readonly path: string
  write(name: string, content: string | Uint8Array): string
} {
  const path = mkdtempSync(join(tmpdir(), 'millrace-endpoints-'))
  afterAll(() => rmSync(path, { recursive: true, force: true }))
  return {
    path,
    write(name, content) {
      writeFileSync(join(path, name), content)
      return join(path, name)
    },
  }
}

/** Resolves the paths of a setting and compiles what is in it, as the compiler of the topology does. */
export function bindPaths<Config>(config: Config, folder: string): Config {
  const visit = (at: unknown): void => {
    if (at instanceof FilePath) at.bind(resolve(folder, at.source))
    else if (at instanceof Template) at.bind(compileTemplate(at.source))
    else if (at instanceof RegularExpression) at.bind(compilePattern(at.source))
    else if (Array.isArray(at)) for (const item of at) visit(item)
    else if (typeof at === 'object' && at !== null)
      for (const item of Object.values(at)) visit(item)
  }
  visit(config)
  return config
}

export function aRequest(request: Partial<ReadRequest> = {}): ReadRequest {
  return { maxRecords: 1_000, maxBytes: 1e9, signal: new AbortController().signal, ...request }
}

export interface ReadResult {
  readonly values: string[]
  readonly failures: { readonly value: string; readonly code: string; readonly message: string }[]
  readonly lines: number[]
  readonly positions: Map<string, JsonValue>
  readonly slices: number
}

/** Reads up to `slices` slices, and what was committed with them. */
export async function readSlices(
  source: Source,
  request: ReadRequest = aRequest(),
  slices = Number.POSITIVE_INFINITY,
): Promise<ReadResult> {
  const result = {
    values: [],
    failures: [],
    lines: [],
    positions: new Map<string, JsonValue>(),
  } as Omit<ReadResult, 'slices'>
  let count = 0
  while (count < slices) {
    const slice = await source.read(request)
    if (slice === null) break
    count += 1
    take(slice, result)
  }
  return { ...result, slices: count }
}

function take(slice: SourceSlice, result: Omit<ReadResult, 'slices'>): void {
  const failed = new Set<number>()
  for (const { index, code, message } of slice.failures) {
    failed.add(index)
    result.failures.push({ value: slice.batch.valueText(index) ?? '', code, message })
  }
  for (let index = 0; index < slice.batch.count; index++) {
    if (failed.has(index)) continue
    result.values.push(slice.batch.valueText(index) ?? 'null')
    result.lines.push(Number(slice.info(index)['line']))
  }
  // As the log stores them.
  for (const [split, position] of slice.positions) {
    result.positions.set(split, JSON.parse(JSON.stringify(position)) as JsonValue)
  }
}

export function aBatch(values: readonly (string | Uint8Array | null)[]): RecordBatch {
  const builder = new RecordBatchBuilder('')
  const times = { timestampMs: 0, eventTimeMs: Number.NaN, ingestUs: 0, waitUs: 0, runUs: 0 }
  for (const value of values) builder.append({ key: null, value, headers: emptyBytes, times })
  return builder.finish()
}

/** The error that a promise rejects with. */
export async function errorOf(promise: Promise<unknown>): Promise<PipelineError> {
  try {
    await promise
  } catch (thrown) {
    if (thrown instanceof PipelineError) return thrown
    throw thrown
  }
  throw new Error('nothing was thrown')
}
