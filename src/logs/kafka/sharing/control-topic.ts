import type { SliceBatch } from '../../../core/log.ts'
import { RecordBatchBuilder } from '../../../core/record-batch-builder.ts'
import { unlessAborted } from '../../../core/unless-aborted.ts'
import { emptyBytes } from '../../../core/record-batch.ts'
import { createMissingTopics } from '../create-topics.ts'
import type { KafkaContext } from '../kafka-context.ts'
import { decodeControl, encodeControl, type ControlMessage } from './control-message.ts'

const bufferBytes = 1024 * 1024
const never = new AbortController().signal

/** `<pipeline>.control`: the last word of each task, by its id; compacted. */
export class ControlTopic {
  readonly #context: KafkaContext
  readonly #topic: string
  readonly #hear: (task: string, message: ControlMessage) => void

  constructor(
    context: KafkaContext,
    pipeline: string,
    hear: (task: string, message: ControlMessage) => void,
  ) {
    this.#context = context
    this.#topic = `${pipeline}.control`
    this.#hear = hear
  }

  /** Hands on all that is there, and what comes, until the signal aborts. @throws PipelineError, KafkaError */
  async listen(signal: AbortSignal): Promise<void> {
    const { client, clock, fetcher } = this.#context
    const spec = { partitions: 1, retentionMs: null, cleanup: 'compact' } as const
    const place = { topic: this.#topic, partition: 0 }
    const begin = async () => {
      await createMissingTopics(client, clock, [{ name: this.#topic, ...spec }])
      return client.listOffsets([place], 'earliest', 'read_uncommitted')
    }
    const [offset = 0n] = (await unlessAborted(begin(), signal)) ?? []
    if (signal.aborted) return
    const reader = fetcher.open({ ...place, offset, bufferBytes, topicId: null })
    try {
      while (!signal.aborted) {
        await reader.whenReady(signal)
        if (!signal.aborted) for (const slice of reader.take(Infinity, Infinity)) this.#read(slice)
      }
    } finally {
      reader.close()
    }
  }

  /** Returns once all others can read it. @throws KafkaError */
  async tell(task: string, message: ControlMessage): Promise<void> {
    const { clock, producer } = this.#context
    const builder = new RecordBatchBuilder(task)
    const timestampMs = clock.wallMs()
    const times = { timestampMs, eventTimeMs: NaN, ingestUs: 0, waitUs: 0, runUs: 0 }
    builder.append({ key: task, value: encodeControl(message), headers: emptyBytes, times })
    await producer.send([{ topic: this.#topic, partition: 0, batch: builder.finish() }], never)
  }

  #read({ batch, from }: SliceBatch): void {
    for (let index = from; index < batch.count; index++) {
      const task = batch.keyText(index)
      const message = decodeControl(batch.valueText(index))
      if (task !== null && message !== null) this.#hear(task, message)
    }
  }
}
