import { describe, expect, test } from 'vitest'
import { MemoryLog } from '../../../src/logs/memory-log.ts'
import { LogFollower } from '../../../src/runtime/follow-topic.ts'
import { batchOf } from '../../conformance/batches.ts'
import { systemClock, until } from '../http-fixture.ts'
import { anHttpSource as aSource, json } from '../http-source-fixture.ts'

describe('reply', () => {
  async function aReplyingSource(timeout = '5s') {
    const log = new MemoryLog({ clock: systemClock })
    const topics = ['results', 'failed'].map((name) => ({ name, partitions: 1, retentionMs: null }))
    await log.admin.ensureTopics(topics)
    const writer = await log.openTask({ id: 'w', group: 'w', inputs: [], start: 'earliest' })
    const opened = await aSource({
      setting: { reply: { from: 'results', timeout, dead_letters: 'failed' } },
      environment: { topics: new LogFollower(log.reader, systemClock) },
    })
    const reply = async (
      index: number,
      value: string,
      { topic = 'results', more = {} }: { topic?: string; more?: Record<string, string> } = {},
    ) => {
      await until(() => opened.driver.headers.length > index)
      const headers = Object.entries({ ...opened.driver.headers[index]!, ...more })
      const encoded = headers.map(([name, text]) => [name, Buffer.from(text)] as const)
      const batch = batchOf([{ value, headers: encoded }])
      await writer.commit({ outputs: [{ topic, partition: 0, batch }], state: [], next: [] })
    }
    return { ...opened, reply }
  }

  test('answers with the result of the same message', async () => {
    const { send: post, reply } = await aReplyingSource()
    const answers = [post({ headers: json, body: '"a"' }), post({ headers: json, body: '"b"' })]
    await reply(1, '{"second":true}')
    await reply(0, '{"first":true}')
    const [first, second] = await Promise.all(answers)
    const found = [first!.json, second!.json]
    expect(found).toContainEqual({ first: true })
    expect(found).toContainEqual({ second: true })
    expect(first!.status).toBe(200)
  })

  test('answers a request of several records with all results, in their order', async () => {
    const { send: post, reply } = await aReplyingSource()
    const answer = post({ headers: json, body: '["a","b"]' })
    await reply(1, '"B"')
    await reply(0, '"A"')
    expect(await answer).toMatchObject({ status: 200, json: ['A', 'B'] })
  })

  test('says so when none comes in time', async () => {
    const { send: post } = await aReplyingSource('100ms')
    const answer = await post({ headers: json, body: '1' })
    expect(answer).toMatchObject({ status: 504, json: { code: 'no_reply' } })
  })

  test('says why a record failed on its way', async () => {
    const { send: post, reply } = await aReplyingSource()
    const answer = post({ headers: json, body: '1' })
    const more = {
      'millrace-dlq-code': 'RECORD_CAST',
      'millrace-dlq-message': 'amount is no number',
      'millrace-dlq-stage': 'check',
    }
    await reply(0, '1', { topic: 'failed', more })
    expect(await answer).toMatchObject({
      status: 422,
      json: { code: 'RECORD_CAST', detail: 'amount is no number', stage: 'check' },
    })
  })

  test('is the same again under the same Idempotency-Key', async () => {
    const { send: post, reply, driver } = await aReplyingSource()
    const sent = { headers: { ...json, 'idempotency-key': 'k' }, body: '1' }
    const first = post(sent)
    await reply(0, '{"r":1}')
    expect(await first).toMatchObject({ status: 200 })
    expect(await post(sent)).toMatchObject({ status: 200, json: { r: 1 } })
    expect(driver.values).toEqual(['1'])
  })

  test('needs its topic to be there', async () => {
    const log = new MemoryLog({ clock: systemClock })
    const opened = aSource({
      setting: { reply: { from: 'none' } },
      environment: { topics: new LogFollower(log.reader, systemClock) },
    })
    await expect(opened).rejects.toMatchObject({ code: 'CONFIG_USAGE' })
  })
})
