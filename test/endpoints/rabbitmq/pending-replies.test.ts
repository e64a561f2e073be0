import type { ConsumeMessage } from 'amqplib'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { EndpointDrop } from '../../../src/core/endpoint-drops.ts'
import type { WrittenHeader } from '../../../src/core/record-batch.ts'
import { PendingReplies } from '../../../src/endpoints/rabbitmq/pending-replies.ts'
import type { Reply } from '../../../src/endpoints/rabbitmq/replies.ts'
import { aResultEnvironment } from '../replies/result-topic.ts'

const { signal } = new AbortController()

function aMessage(replyTo?: string, correlationId?: string): ConsumeMessage {
  return { properties: { replyTo, correlationId } } as unknown as ConsumeMessage
}

/** Results come when the test hands them over. */
async function aScene() {
  const sent: Reply[] = []
  const drops: [EndpointDrop, number][] = []
  const dropped = (drop: EndpointDrop, count = 1) => void drops.push([drop, count])
  const environment = { ...aResultEnvironment(), dropped }
  const { topics, clock } = environment
  const replies = new PendingReplies({
    setting: { from: 'results', timeout: 1_000, dead_letters: 'failed' },
    environment,
    send: (reply) => sent.push(reply),
  })
  onTestFinished(() => replies.close())
  await replies.open(signal)
  const result = (value: string | null, headers: readonly WrittenHeader[], topic = 'results') =>
    topics.write(topic, { value, headers })
  const answers = () => sent.map(({ to, correlationId, body }) => [to, correlationId, String(body)])
  return { replies, clock, sent, answers, drops, result }
}

describe('PendingReplies', () => {
  it('answers a message with the result that has its token, once', async () => {
    const { replies, answers, result } = await aScene()
    const first = replies.expect(aMessage('answers', 'c-1'))
    const second = replies.expect(aMessage('answers'))
    await result('{"n":2}', second)
    await result('{"n":1}', first)
    await result('{"n":1}', first)
    expect(answers()).toEqual([
      ['answers', undefined, '{"n":2}'],
      ['answers', 'c-1', '{"n":1}'],
    ])
  })

  it('answers a message without a result with nothing', async () => {
    const { replies, answers, result } = await aScene()
    await result(null, replies.expect(aMessage('answers')))
    expect(answers()).toEqual([['answers', undefined, '']])
  })

  it('answers a message that has failed with its error', async () => {
    const { replies, sent, result } = await aScene()
    const token = replies.expect(aMessage('answers', 'c-1'))
    const about = [
      ['millrace-dlq-code', 'RECORD_CAST'],
      ['millrace-dlq-message', 'amount is no number'],
      ['millrace-dlq-stage', 'check'],
    ] as const
    await result('{}', [...token, ...about], 'failed')
    expect(sent).toMatchObject([
      { to: 'answers', correlationId: 'c-1', contentType: 'application/problem+json' },
    ])
    expect(JSON.parse(String(sent[0]!.body))).toEqual({
      code: 'RECORD_CAST',
      detail: 'amount is no number',
      stage: 'check',
    })
  })

  it('expects nothing for a message that wants no answer', async () => {
    const { replies } = await aScene()
    expect([replies.expect(aMessage()), replies.expect(aMessage(''))]).toEqual([[], []])
  })

  it('passes over results of others, and tokens that nobody gave out', async () => {
    const { replies, sent, result } = await aScene()
    replies.expect(aMessage('answers'))
    await result('{}', [])
    await result('{}', [['millrace-reply-id', 'n-999']])
    await result('{}', [['amqp-reply-to', 'answers']])
    expect(sent).toEqual([])
  })

  it('counts a result that comes too late, and does not send it', async () => {
    const { replies, clock, sent, drops, result } = await aScene()
    const token = replies.expect(aMessage('answers'))
    await clock.advance(2_001)
    await result('{}', token)
    expect([sent, drops]).toEqual([[], [['late_reply', 1]]])
    replies.expect(aMessage('answers'))
    replies.close()
    expect(drops).toEqual([
      ['late_reply', 1],
      ['lost_reply', 1],
    ])
  })
})
