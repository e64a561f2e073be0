import type { Clock } from '../../core/clock.ts'
import { messageOf } from '../../core/errors.ts'
import type { SliceBatch } from '../../core/log.ts'
import type { Header } from '../../core/record-batch.ts'
import type { TopicFollower } from '../../core/topic-follower.ts'

/** The header by which a result finds the request that it belongs to. It travels with the record. */
export const replyHeader = 'millrace-reply-id'

export type Reply =
  | { readonly kind: 'result'; readonly value: Uint8Array | null }
  | {
      readonly kind: 'failed'
      readonly code: string
      readonly message: string
      readonly stage: string
    }

export interface ReplyDeskOptions {
  readonly clock: Clock
  readonly topics: TopicFollower
  /** Where results come. */
  readonly from: string
  /** Where records come that failed on their way there. */
  readonly deadLetters: readonly string[]
  readonly notice: (message: string) => void
}

type Waiting = (reply: Reply) => void

/** Before a topic that could not be read is tried again. */
const againMs = 1_000

/** Finds the results of requests among the records of a topic, as they come. */
export class ReplyDesk {
  readonly #options: ReplyDeskOptions
  readonly #waiting = new Map<string, Waiting>()
  readonly #stop = new AbortController()

  constructor(options: ReplyDeskOptions) {
    this.#options = options
  }

  /** Returns once no result can be missed. @throws PipelineError CONFIG_USAGE when there is no such topic. */
  async open(): Promise<void> {
    const { from, deadLetters } = this.#options
    await Promise.all(
      [from, ...deadLetters].map((topic) =>
        this.#begin(topic, topic === from ? resultOf : failureOf),
      ),
    )
  }

  get size(): number {
    return this.#waiting.size
  }

  /** @param tell called once at most. */
  wait(id: string, tell: Waiting): void {
    this.#waiting.set(id, tell)
  }

  forget(id: string): void {
    this.#waiting.delete(id)
  }

  close(): void {
    this.#stop.abort()
    this.#waiting.clear()
  }

  #begin(topic: string, read: ReadReply): Promise<void> {
    return new Promise((resolve, reject) => {
      void this.#follow(topic, read, { opened: resolve, refused: reject })
    })
  }

  async #follow(
    topic: string,
    read: ReadReply,
    {
      opened,
      refused,
    }: { readonly opened: () => void; readonly refused: (error: unknown) => void },
  ): Promise<void> {
    const { clock, topics, notice } = this.#options
    const { signal } = this.#stop
    let isOpen = false
    const onOpen = () => {
      isOpen = true
      opened()
    }
    while (!signal.aborted) {
      try {
        for await (const batch of topics.follow({ topic, start: 'latest', signal, onOpen }))
          this.#look(batch, read)
      } catch (thrown) {
        if (signal.aborted) return
        if (!isOpen) return refused(thrown)
        notice(
          `replies from the topic ${topic} cannot be read just now: ${messageOf(thrown)}; those who wait for one may get none`,
        )
        await clock.sleep(againMs, signal)
      }
    }
    opened()
  }

  #look({ batch, from }: SliceBatch, read: ReadReply): void {
    for (let index = from; index < batch.count && this.#waiting.size > 0; index++) {
      if (batch.isMarker(index)) continue
      const headers = batch.headers(index)
      const id = textOf(headers, replyHeader)
      const tell = id === null ? undefined : this.#waiting.get(id)
      if (id === null || tell === undefined) continue
      this.#waiting.delete(id)
      tell(read(headers, batch.value(index)))
    }
  }
}

type ReadReply = (headers: readonly Header[], value: Uint8Array | null) => Reply

function resultOf(_headers: readonly Header[], value: Uint8Array | null): Reply {
  // The bytes are a view of a batch that is let go.
  return { kind: 'result', value: value === null ? null : Buffer.from(value) }
}

function failureOf(headers: readonly Header[]): Reply {
  return {
    kind: 'failed',
    code: textOf(headers, 'millrace-dlq-code') ?? 'RECORD_REJECTED',
    message: textOf(headers, 'millrace-dlq-message') ?? '',
    stage: textOf(headers, 'millrace-dlq-stage') ?? '',
  }
}

function textOf(headers: readonly Header[], name: string): string | null {
  const found = headers.findLast(([each]) => each === name)
  return found === undefined ? null : Buffer.from(found[1]).toString('utf8')
}
