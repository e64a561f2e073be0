import type { Writable } from 'node:stream'
import { z } from 'zod'
import { defineSink, type Sink, type SinkMemory, type SinkReceipt } from '../../core/endpoints.ts'
import { messageOf, PipelineError } from '../../core/errors.ts'
import { decodeJson, type JsonValue } from '../../core/json.ts'
import type { RecordBatch } from '../../core/record-batch.ts'
import { errnoOf } from '../file-error.ts'
import { encodeLines } from '../writing/encode-lines.ts'
import { formatTable } from '../writing/text-table.ts'

const defaultTableRows = 20
/** The rows of a table are held in memory until its end. */
const maxTableRows = 10_000
const indentSpaces = 2

const config = z
  .strictObject({
    format: z
      .enum(['ndjson', 'json_pretty', 'table'])
      .default('ndjson')
      .describe(
        'ndjson: each value on a line, as it is; json_pretty: indented; table: one table at the end of the run.',
      ),
    limit: z
      .int()
      .min(1)
      .optional()
      .describe('How many records are shown; of a table 20 by default, else all.'),
  })
  .superRefine(({ format, limit }, context) => {
    if (format !== 'table' || limit === undefined || limit <= maxTableRows) return
    const message = `a table has at most ${maxTableRows} rows`
    context.addIssue({ code: 'custom', path: ['limit'], message })
  })

type StdoutConfig = z.output<typeof config>

export const stdoutSink = defineSink({
  type: 'stdout',
  summary: 'Prints records. After a crash those not yet committed are printed again.',
  config,
  examples: [
    { title: 'A line of JSON per record', config: { format: 'ndjson' } },
    { title: 'A short table at the end of the run', config: { format: 'table', limit: 10 } },
  ],
  delivery: 'at_least_once',
  guarantee: () => ({
    guarantee: 'at_least_once',
    why: 'Records are printed first, then the position is committed.',
    afterCrash: 'The records printed since the last commit are printed again.',
    dropBy: 'a field of the record that identifies it; Millrace prints no id of its own.',
  }),
  remembers: false,
  singleTask: () => true,
  files: () => [],
  reset: () => Promise.resolve(),
  create: (setting, { stdout }) => new StdoutSink(setting, stdout),
})

class StdoutSink implements Sink {
  readonly #format: StdoutConfig['format']
  readonly #limit: number
  readonly #output: Output
  readonly #rows: JsonValue[] = []
  #count = 0

  constructor(setting: StdoutConfig, stdout: Writable) {
    this.#format = setting.format
    const isTable = setting.format === 'table'
    this.#limit = setting.limit ?? (isTable ? defaultTableRows : Number.POSITIVE_INFINITY)
    this.#output = new Output(stdout)
  }

  begin(): Promise<SinkMemory> {
    return Promise.resolve(null)
  }

  async write(batch: RecordBatch, signal: AbortSignal): Promise<SinkReceipt> {
    const shown = Math.max(0, Math.min(batch.count, this.#limit - this.#count))
    let failures: SinkReceipt['failures'] = []
    if (this.#format === 'ndjson') {
      const lines = encodeLines(batch, shown)
      failures = lines.failures
      await this.#output.write(lines.bytes, signal)
    } else if (this.#format === 'json_pretty') {
      await this.#output.write(prettyText(batch, shown), signal)
    } else {
      for (let index = 0; index < shown; index++) this.#rows.push(rowOf(batch, index))
    }
    // Counted last: a batch that could not be printed comes again.
    this.#count += batch.count
    return { memory: null, failures }
  }

  async close(): Promise<void> {
    const rows = this.#rows.splice(0)
    if (rows.length === 0) return
    await this.#output.write(
      formatTable(rows, this.#count - rows.length),
      new AbortController().signal,
    )
  }
}

/** A stream whose reader may go away, as `head` does: what follows is then dropped quietly. */
class Output {
  readonly #stream: Writable
  #isGone = false

  constructor(stream: Writable) {
    this.#stream = stream
    // Without a listener the error of a reader that has gone would end the process.
    stream.on('error', (thrown) => this.#note(thrown))
  }

  /**
   * Resolves when the bytes have been taken.
   * @throws PipelineError FILE_FAILED; PEER_UNAVAILABLE when nobody took them until the signal aborted.
   */
  async write(bytes: Uint8Array | string, signal: AbortSignal): Promise<void> {
    if (this.#isGone || bytes.length === 0) return
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const abort = (): void => {
      reject(
        new PipelineError('PEER_UNAVAILABLE', 'stdout took no output until the run was stopped'),
      )
    }
    signal.addEventListener('abort', abort, { once: true })
    this.#stream.write(bytes, (thrown) => {
      if (thrown === null || thrown === undefined || this.#note(thrown)) resolve()
      else
        reject(
          new PipelineError('FILE_FAILED', `writing stdout: ${messageOf(thrown)}`, {
            cause: thrown,
          }),
        )
    })
    try {
      await promise
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  /** @returns whether the error says that nobody reads any more. */
  #note(thrown: unknown): boolean {
    const code = errnoOf(thrown)
    if (code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED') this.#isGone = true
    return this.#isGone
  }
}

function prettyText(batch: RecordBatch, count: number): string {
  let text = ''
  for (let index = 0; index < count; index++) {
    if (batch.isMarker(index)) continue
    text += `${indented(batch.valueText(index) ?? 'null')}\n`
  }
  return text
}

/** What is no JSON is shown as it is. */
function indented(text: string): string {
  try {
    return JSON.stringify(decodeJson(text), null, indentSpaces)
  } catch {
    return text
  }
}

function rowOf(batch: RecordBatch, index: number): JsonValue {
  const text = batch.valueText(index)
  if (text === null) return null
  try {
    return decodeJson(text)
  } catch {
    return text
  }
}
