import { describe, expect, it } from 'vitest'
import { Delivery } from '../../../../src/logs/kafka/producing/delivery.ts'

describe('a delivery', () => {
  it('is done when all parts are, those included that one of them became', async () => {
    const delivery = new Delivery(2)
    let isDone = false
    const done = delivery.done.then(() => {
      isDone = true
    })
    delivery.divided(3)
    for (let part = 0; part < 3; part++) delivery.delivered()
    await Promise.resolve()
    expect(isDone).toBe(false)
    delivery.delivered()
    await done
    expect(isDone).toBe(true)
  })

  it('is done at once without parts', async () => {
    await expect(new Delivery(0).done).resolves.toBeUndefined()
  })

  it('fails once, and is over then', async () => {
    const delivery = new Delivery(2)
    expect(delivery.isOver).toBe(false)
    delivery.failed(new Error('first'))
    delivery.failed(new Error('second'))
    delivery.delivered()
    expect(delivery.isOver).toBe(true)
    await expect(delivery.done).rejects.toThrow('first')
  })
})
