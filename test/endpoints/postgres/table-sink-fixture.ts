import { createSystemClock } from '../../../src/clock/system-clock.ts'
import { ConnectionName } from '../../../src/core/connection-name.ts'
import type { Sink, SinkMemory, SinkOrigins } from '../../../src/core/endpoints.ts'
import { Expression } from '../../../src/core/expression.ts'
import { emptyBytes, type RecordBatch } from '../../../src/core/record-batch.ts'
import { RecordBatchBuilder } from '../../../src/core/record-batch-builder.ts'
import type { PostgresConnection } from '../../../src/core/postgres-connection.ts'
import { postgresSink } from '../../../src/endpoints/sinks/postgres.ts'
import { compileExpression } from '../../../src/expressions/compile.ts'
import { SeededRandom } from '../../../src/simulation/seeded-random.ts'
import { anEnvironment } from '../endpoint-fixture.ts'

export const never = new AbortController().signal

export function aConnection(settings: PostgresConnection): ConnectionName<'postgres'> {
  const connection = new ConnectionName('postgres', 'db')
  connection.bind(settings)
  return connection
}

let seed = 1

/** A sink as a pipeline file says, `config` but for the connection. */
export function aSink(
  settings: PostgresConnection,
  config: Readonly<Record<string, unknown>>,
  memory: SinkMemory = null,
): { readonly sink: Sink; readonly notices: string[] } {
  const parsed = postgresSink.config.parse({ connection: 'db', ...config })
  for (const expression of Object.values(parsed.columns ?? {})) bind(expression)
  const environment = anEnvironment()
  seed += 1
  return {
    sink: postgresSink.create(
      { ...parsed, connection: aConnection(settings) },
      { ...environment, clock: createSystemClock(), random: new SeededRandom(seed) },
      memory,
    ),
    notices: environment.notices,
  }
}

function bind(expression: unknown): void {
  if (expression instanceof Expression) expression.bind(compileExpression(expression.source))
}

export interface BatchRecord {
  readonly key?: string | null
  /** Text is written as it is. */
  readonly value: unknown
}

export function batchOf(records: readonly BatchRecord[]): RecordBatch {
  const builder = new RecordBatchBuilder('p.write/0')
  const times = { timestampMs: 0, eventTimeMs: Number.NaN, ingestUs: 0, waitUs: 0, runUs: 0 }
  for (const { key = null, value } of records) {
    const text =
      value === null || typeof value === 'string' || value instanceof Uint8Array
        ? value
        : JSON.stringify(value)
    builder.append({ key, value: text, headers: emptyBytes, times })
  }
  return builder.finish()
}

export function valuesOf(...values: readonly unknown[]): RecordBatch {
  return batchOf(values.map((value) => ({ value })))
}

/** Records of one partition, one after the other. */
export function from(offset: number, input = 'in/0'): SinkOrigins {
  return { input: () => input, offset: (index) => BigInt(offset + index), ordinal: () => 0 }
}
