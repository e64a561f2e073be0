import { describe, expect, it } from 'vitest'
import { rabbitmqSource } from '../../../src/endpoints/sources/rabbitmq.ts'

const setting = { connection: 'main', queue: 'orders' }

describe('the source rabbitmq', () => {
  it('makes a quorum queue and remembers ids unless it is told otherwise', () => {
    expect(rabbitmqSource.config.parse(setting)).toMatchObject({
      declare: 'quorum',
      bind: [],
      prefetch: 5_000,
      max_record: 16 * 1024 * 1024,
      dedupe: { within: 600_000, max: 100_000 },
    })
  })

  it.each([
    [{ queue: '' }, 'queue'],
    [{ queue: 'amq.gen-1' }, 'queue'],
    [{ queue: 'é'.repeat(128) }, 'queue'],
    [{ declare: 'stream' }, 'declare'],
    [{ prefetch: 0 }, 'prefetch'],
    [{ prefetch: 65_536 }, 'prefetch'],
    [{ bind: [{ exchange: '' }] }, 'bind'],
    [{ dedupe: true }, 'dedupe'],
    [{ dedupe: { max: 0 } }, 'dedupe'],
    [{ reply: {} }, 'reply'],
    [{ reply: { text: 'ok', from: 'results' } }, 'reply'],
    [{ connection: '' }, 'connection'],
    [{ url: 'amqp://localhost' }, undefined],
  ])('refuses %j', (wrong, place) => {
    const result = rabbitmqSource.config.safeParse({ ...setting, ...wrong })
    expect(result.error?.issues[0]?.path[0]).toBe(place)
    expect(result.success).toBe(false)
  })

  it('says what comes twice after a crash', () => {
    const guaranteeOf = (more: object) =>
      rabbitmqSource.guarantee?.(rabbitmqSource.config.parse({ ...setting, ...more }))
    expect(guaranteeOf({})).toMatchObject({
      guarantee: 'at_least_once',
      why: expect.stringContaining('The last 100000 ids are remembered for 600 s'),
      afterCrash: expect.stringContaining('without a message_id'),
    })
    expect(guaranteeOf({ dedupe: false })?.why).not.toContain('message_id')
  })
})
