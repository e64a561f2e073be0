import { describe, expect, it } from 'vitest'
import type { KafkaError } from '../../../../src/logs/kafka/client/kafka-error.ts'
import { RequestsInFlight } from '../../../../src/logs/kafka/client/requests-in-flight.ts'
import { VirtualClock } from '../../../../src/simulation/virtual-clock.ts'

function setUp() {
  const clock = new VirtualClock()
  let timeouts = 0
  const requests = new RequestsInFlight({
    clock,
    address: 'kafka:9092',
    loginTimeoutMs: 1_000,
    onTimeout: () => {
      timeouts++
      requests.fail('a request before was not answered', null)
    },
  })
  const send = (correlationId: number, { timeoutMs = 500, repeatable = false } = {}) =>
    new Promise<Buffer>((resolve, reject) => {
      requests.add({ apiName: 'Produce', correlationId, timeoutMs, repeatable, resolve, reject })
    })
  const errorOf = (sent: Promise<Buffer>) =>
    sent.then(
      () => null,
      (error: unknown) => error as KafkaError,
    )
  return { clock, requests, send, errorOf, timeouts: () => timeouts }
}

function answer(correlationId: number, ...payload: number[]): Buffer {
  const frame = Buffer.alloc(4 + payload.length)
  frame.writeInt32BE(correlationId)
  frame.set(payload, 4)
  return frame
}

describe('requests in flight', () => {
  it('get their answers by the correlation id, in any order', async () => {
    const { requests, send, clock } = setUp()
    const [first, second] = [send(1), send(2)]
    requests.receive(answer(2, 22))
    requests.receive(answer(1, 11))
    expect([...(await first), ...(await second)]).toEqual([11, 22])
    requests.receive(answer(3, 33))
    await clock.advance(1_000)
    expect(requests.size).toBe(0)
  })

  it('time out, which ends the others with them', async () => {
    const { clock, send, errorOf, timeouts } = setUp()
    const errors = [errorOf(send(1)), errorOf(send(2, { timeoutMs: 5_000, repeatable: true }))]
    await clock.advance(450)
    expect(timeouts()).toBe(0)
    await clock.advance(200)
    expect(timeouts()).toBe(1)
    expect(await errors[0]).toMatchObject({ code: 'TIMEOUT', kind: 'indefinite' })
    expect((await errors[0])!.message).toContain('Produce at kafka:9092: no answer within 500 ms')
    expect(await errors[1]).toMatchObject({ code: 'CONNECTION', kind: 'retriable' })
  })

  it('leave no timer behind once they are answered or have failed', async () => {
    const { clock, requests, send, errorOf } = setUp()
    const sent = send(1)
    requests.receive(answer(1))
    await sent
    await clock.advance(200)
    expect(clock.pending).toBe(0)
    const failed = errorOf(send(2))
    requests.fail('gone', null)
    await failed
    await clock.advance(0)
    expect(clock.pending).toBe(0)
  })
})
