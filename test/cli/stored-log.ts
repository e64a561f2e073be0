import { openWritableLog } from '../../src/logs/embedded/open-embedded-log.ts'
import { createSystemClock } from '../../src/clock/system-clock.ts'
import { RecordBatchBuilder } from '../../src/core/record-batch-builder.ts'
import { encodeHeaders, nullHeaderValue } from '../../src/core/record-batch.ts'

export interface Written {
  readonly partition?: number
  readonly key?: string | Uint8Array | null
  readonly value: string | Uint8Array | null
  readonly headers?: Readonly<Record<string, string | null>>
  readonly timestampMs?: number
  readonly marker?: boolean
}

/** Writes a data directory with topics of three partitions; each record is a batch of its own. */
export async function writeLog(
  directory: string,
  topics: Readonly<Record<string, readonly Written[]>>,
): Promise<void> {
  const log = await openWritableLog({ directory, clock: createSystemClock() })
  const names = Object.keys(topics)
  await log.admin.ensureTopics(names.map((name) => ({ name, partitions: 3, retentionMs: null })))
  const task = await log.openTask({ id: 'test/0', group: 'test', inputs: [], start: 'earliest' })
  for (const [topic, records] of Object.entries(topics)) {
    for (const record of records) {
      const {
        partition = 0,
        key = null,
        value,
        headers = {},
        timestampMs = 0,
        marker = false,
      } = record
      const builder = new RecordBatchBuilder('')
      const times = { timestampMs, eventTimeMs: Number.NaN, ingestUs: 0, waitUs: 0, runUs: 0 }
      const encoded = encodeHeaders(
        Object.entries(headers).map(
          ([name, text]) => [name, text === null ? nullHeaderValue : Buffer.from(text)] as const,
        ),
      )
      builder.append({ key, value, headers: encoded, times, marker })
      await task.commit({
        outputs: [{ topic, partition, batch: builder.finish() }],
        state: [],
        next: [],
      })
    }
  }
  await log.close()
}

export function deadLetter(code: string, more: Partial<Written> = {}): Written {
  return {
    value: '{"n":1}',
    ...more,
    headers: {
      trace: 'original',
      'millrace-dlq-stage': 'clean',
      'millrace-dlq-step': 'cast',
      'millrace-dlq-code': code,
      'millrace-dlq-message': 'n: "x" is no number',
      'millrace-dlq-attempts': '1',
      'millrace-dlq-topic': 'orders.raw',
      'millrace-dlq-partition': '2',
      'millrace-dlq-offset': '17',
      ...more.headers,
    },
  }
}
