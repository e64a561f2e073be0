import type { ConsumeMessage } from 'amqplib'
import { describe, expect, it } from 'vitest'
import type { EndpointDrop } from '../../../src/core/endpoint-drops.ts'
import { PipelineError } from '../../../src/core/errors.ts'
import type { SliceBatch } from '../../../src/core/log.ts'
import { encodeHeaders, type WrittenHeader } from '../../../src/core/record-batch.ts'
import { RecordBatchBuilder } from '../../../src/core/record-batch-builder.ts'
import type { FollowRequest } from '../../../src/core/topic-follower.ts'
import { PendingReplies } from '../../../src/endpoints/rabbitmq/pending-replies.ts'
import type { Reply } from '../../../src/endpoints/rabbitmq/replies.ts'
import { ManualClock } from '../endpoint-fixture.ts'

const settled = () => new Promise((resolve) => setImmediate(resolve))

function aMessage(replyTo?: string, correlationId?: string): ConsumeMessage {
  return { properties: { replyTo, correlationId } } as unknown as ConsumeMessage
}

/** Results come when the test hands them over. */
function aScene() {
  const clock = new ManualClock()
  const sent: Reply[] = []
  const drops: [EndpointDrop, number][] = []
  const notices: string[] = []
  let hand: (batch: SliceBatch) => void = () => {}
  let failures = 0
  async function* follow({ onOpen, signal }: FollowRequest): AsyncGenerator<SliceBatch> {
    if (failures-- > 0) throw new PipelineError('CONFIG_USAGE', 'there is no such topic')
    onOpen?.()
    while (!signal.aborted) {
      yield await new Promise<SliceBatch>((resolve) => {
        hand = resolve
      })
    }
  }
  const replies = new PendingReplies({
    topics: { follow },
    clock,
    topic: 'results',
    timeoutMs: 1_000,
    nonce: 'n',
    dropped: (drop, count = 1) => drops.push([drop, count]),
    send: (reply) => sent.push(reply),
    notice: (message) => notices.push(message),
  })
  const result = async (value: string, headers: readonly WrittenHeader[]) => {
    const builder = new RecordBatchBuilder('')
    const times = { timestampMs: 0, eventTimeMs: 0, ingestUs: 0, waitUs: 0, runUs: 0 }
    builder.append({ key: null, value, headers: encodeHeaders(headers), times })
    hand({ batch: builder.finish(), from: 0 } as SliceBatch)
    await settled()
  }
  const failFirst = (count: number) => {
    failures = count
  }
  return { replies, clock, sent, drops, notices, result, failFirst }
}

describe('PendingReplies', () => {
  it('answers a message with the result that has its token, once', async () => {
    const { replies, sent, result } = aScene()
    await replies.open()
    const first = replies.expect(aMessage('answers', 'c-1'))
    const second = replies.expect(aMessage('answers'))
    await result('{"n":2}', second)
    await result('{"n":1}', first)
    await result('{"n":1}', first)
    expect(sent.map(({ to, correlationId, body }) => [to, correlationId, String(body)])).toEqual([
      ['answers', undefined, '{"n":2}'],
      ['answers', 'c-1', '{"n":1}'],
    ])
    replies.close()
  })

  it('expects nothing for a message that wants no answer', () => {
    const { replies } = aScene()
    expect([replies.expect(aMessage()), replies.expect(aMessage(''))]).toEqual([[], []])
  })

  it('passes over results of others, and tokens that nobody gave out', async () => {
    const { replies, sent, result } = aScene()
    await replies.open()
    replies.expect(aMessage('answers'))
    await result('{}', [])
    await result('{}', [['amqp-request', 'n-999']])
    await result('{}', [['amqp-reply-to', 'answers']])
    expect(sent).toEqual([])
    replies.close()
  })

  it('counts a result that comes too late, and does not send it', async () => {
    const { replies, clock, sent, drops, result } = aScene()
    await replies.open()
    const token = replies.expect(aMessage('answers'))
    clock.nowMs += 1_001
    await result('{}', token)
    expect([sent, drops]).toEqual([[], [['late_reply', 1]]])
    replies.expect(aMessage('answers'))
    replies.close()
    expect(drops).toEqual([
      ['late_reply', 1],
      ['lost_reply', 1],
    ])
  })

  it('says once that the topic cannot be read, and tries again', async () => {
    const { replies, notices, failFirst } = aScene()
    failFirst(3)
    await replies.open()
    expect(notices).toEqual([
      '"results" cannot be read, so that messages are not answered: there is no such topic',
    ])
    replies.close()
  })
})
