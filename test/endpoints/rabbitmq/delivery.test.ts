import { describe, expect, it } from 'vitest'
import { Delivery } from '../../../src/endpoints/rabbitmq/delivery.ts'
import { aBatch } from '../endpoint-fixture.ts'

const five = () => new Delivery(aBatch(['a', 'b', 'c', 'd', 'e']))

function sendAll(delivery: Delivery): number[] {
  const sent: number[] = []
  for (let index = delivery.next(); index !== -1; index = delivery.next()) {
    delivery.sent(index)
    sent.push(index)
  }
  return sent
}

describe('Delivery', () => {
  it('is done once each record is confirmed, one by one or several at once', () => {
    const delivery = five()
    delivery.begin(11)
    expect(sendAll(delivery)).toEqual([0, 1, 2, 3, 4])
    delivery.confirmed(13, true)
    delivery.confirmed(15, false)
    expect([delivery.isDone, delivery.inFlight, delivery.inFlightBytes]).toEqual([false, 1, 1])
    delivery.confirmed(14, false)
    expect([delivery.isDone, delivery.inFlight]).toEqual([true, 0])
  })

  it('sends again what was not confirmed before the connection ended', () => {
    const delivery = five()
    sendAll(delivery)
    delivery.confirmed(2, false)
    delivery.restart()
    expect([delivery.inFlight, sendAll(delivery)]).toEqual([0, [0, 2, 3, 4]])
    delivery.confirmed(4, true)
    expect(delivery.isDone).toBe(true)
  })

  it('sends again what the server did not take', () => {
    const delivery = five()
    sendAll(delivery)
    delivery.notTaken(2, true)
    delivery.confirmed(5, true)
    expect([delivery.refused, delivery.isDone, sendAll(delivery)]).toEqual([2, false, [0, 1]])
    delivery.confirmed(7, true)
    expect(delivery.isDone).toBe(true)
  })

  it('fails a record once, though its confirmation follows', () => {
    const delivery = five()
    sendAll(delivery)
    delivery.returned('id-1', (index) => `id-${index}`, 'no queue')
    delivery.returned('unknown', (index) => `id-${index}`, 'no queue')
    delivery.returned(undefined, (index) => `id-${index}`, 'no queue')
    delivery.confirmed(5, true)
    expect([delivery.isDone, delivery.inFlight]).toEqual([true, 0])
    expect(delivery.failures).toEqual([{ index: 1, code: 'RECORD_REJECTED', message: 'no queue' }])
  })

  it('passes over confirmations of messages that are none of its own', () => {
    const delivery = five()
    delivery.begin(100)
    delivery.confirmed(99, true)
    delivery.confirmed(7, false)
    sendAll(delivery)
    delivery.confirmed(1_000, false)
    expect(delivery.inFlight).toBe(5)
    delivery.confirmed(99, true)
    expect(delivery.inFlight).toBe(5)
  })
})
