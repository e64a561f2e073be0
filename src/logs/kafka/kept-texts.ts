import type { SliceBatch } from '../../core/log.ts'
import { RecordBatchBuilder } from '../../core/record-batch-builder.ts'
import { emptyBytes } from '../../core/record-batch.ts'
import { createMissingTopics } from './create-topics.ts'
import type { KafkaContext } from './kafka-context.ts'
import { patiently } from './patiently.ts'
import { rangeOf, scanRange } from './partition-scan.ts'

const never = new AbortController().signal

/** Texts by name in a compacted topic with one partition, which is made when the first one is written. */
export class KeptTexts {
  readonly #context: KafkaContext
  readonly #topic: string
  readonly #texts = new Map<string, string>()
  #topicId: string | null = null
  /** Up to where the topic was read. */
  #end = 0n
  #reading: Promise<unknown> = Promise.resolve()
  #next: Promise<void> | null = null

  constructor(context: KafkaContext, topic: string) {
    this.#context = context
    this.#topic = topic
  }

  /** All that was written before the call, by whomever. @throws PipelineError, KafkaError */
  async read(): Promise<ReadonlyMap<string, string>> {
    // Whoever asks while the topic is being read waits for the next time, as do all that ask until then.
    this.#next ??= this.#readNext()
    await this.#next
    return this.#texts
  }

  /** null forgets a text. @throws PipelineError, KafkaError */
  async write(texts: ReadonlyMap<string, string | null>): Promise<void> {
    if (texts.size === 0) return
    const { clock, producer, client } = this.#context
    const topic = this.#topic
    const spec = { name: topic, partitions: 1, retentionMs: null, cleanup: 'compact' } as const
    await createMissingTopics(client, clock, [spec])
    const builder = new RecordBatchBuilder('')
    const timestampMs = clock.wallMs()
    const times = { timestampMs, eventTimeMs: NaN, ingestUs: 0, waitUs: 0, runUs: 0 }
    for (const [key, value] of texts) builder.append({ key, value, headers: emptyBytes, times })
    await producer.send([{ topic, partition: 0, batch: builder.finish() }], never)
  }

  async #readNext(): Promise<void> {
    await this.#reading
    this.#next = null
    const reading = this.#readOn()
    this.#reading = reading.catch(() => {
      // Who asked gets the error.
    })
    await reading
  }

  async #readOn(): Promise<void> {
    const topic = this.#topic
    const { client } = this.#context
    const [described] = await patiently(this.#context, () => client.describeTopics([topic]))
    const isTheSame = described !== undefined && described.id === this.#topicId
    if (!isTheSame) {
      this.#texts.clear()
      this.#end = 0n
      this.#topicId = described?.id ?? null
    }
    if (described === undefined) return
    const place = { topic, partition: 0 }
    const { start, end } = await rangeOf(this.#context, place)
    const from = this.#end < start ? start : this.#end
    const range = { ...place, from, to: end }
    this.#end = await scanRange(this.#context, range, (slice) => this.#note(slice))
  }

  #note({ batch, from }: SliceBatch): void {
    for (let index = from; index < batch.count; index++) {
      const name = batch.keyText(index)
      const text = batch.valueText(index)
      if (name === null) continue
      if (text === null) this.#texts.delete(name)
      else this.#texts.set(name, text)
    }
  }
}
