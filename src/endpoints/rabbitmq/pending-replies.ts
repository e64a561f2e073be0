import type { ConsumeMessage } from 'amqplib'
import type { EndpointEnvironment } from '../../core/endpoints.ts'
import { encodeJson } from '../../core/json.ts'
import type { WrittenHeader } from '../../core/record-batch.ts'
import type { ResultSetting } from '../replies/result-setting.ts'
import { replyHeader, ResultWaiters, type Result } from '../replies/result-waiters.ts'
import type { Reply } from './replies.ts'

export interface PendingRepliesOptions {
  readonly setting: ResultSetting
  readonly environment: EndpointEnvironment
  readonly send: (reply: Reply) => void
}

/** Messages whose result is waited for; a further one is not answered. */
const maxPending = 100_000

/** Answers messages with their results. */
export class PendingReplies {
  readonly #options: PendingRepliesOptions
  readonly #waiters: ResultWaiters

  constructor(options: PendingRepliesOptions) {
    this.#options = options
    this.#waiters = new ResultWaiters(options.setting, options.environment)
  }

  /** Resolves once no result can be missed. @throws PipelineError as reading a topic does. */
  open(signal: AbortSignal): Promise<void> {
    return this.#waiters.open(signal)
  }

  close(): void {
    this.#waiters.close()
  }

  /** The header by which the result of this message will be known; none where nobody waits for it. */
  expect({ properties }: ConsumeMessage): readonly WrittenHeader[] {
    const to: unknown = properties.replyTo
    if (typeof to !== 'string' || to === '') return []
    if (this.#waiters.waiting >= maxPending) {
      this.#options.environment.dropped?.('lost_reply')
      return []
    }
    const asked: unknown = properties.correlationId
    const correlationId = typeof asked === 'string' ? asked : undefined
    const id = this.#waiters.nextId()
    this.#waiters.wait(id, (result) => this.#answer({ to, correlationId }, result))
    return [[replyHeader, id]]
  }

  #answer(to: Pick<Reply, 'to' | 'correlationId'>, result: Result): void {
    const { send, environment } = this.#options
    if (result.kind === 'late') environment.dropped?.('late_reply')
    else if (result.kind === 'closed') environment.dropped?.('lost_reply')
    else if (result.kind === 'value') {
      const body = result.value ?? Buffer.alloc(0)
      send({ ...to, body, contentType: 'application/json' })
    } else {
      const { code, message: detail, stage } = result
      const body = Buffer.from(encodeJson({ code, detail, stage }))
      send({ ...to, body, contentType: 'application/problem+json' })
    }
  }
}
