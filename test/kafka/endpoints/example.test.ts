import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { describeWithKafka, sharedBroker } from '../broker/describe-with-kafka.ts'
import { produceWithJava } from '../java/kafka-tool.ts'
import { createTopics, PipelineFolder, recordsOf, stopped, text } from './endpoint-pipeline.ts'

const { address } = sharedBroker

describeWithKafka('the example pipelines/kafka-bridge.yaml', () => {
  it('hands on what is paid, by its key', async () => {
    await createTopics(address, { 'shop.orders': 2, 'shop.orders.paid': 3 })
    const orders = Array.from({ length: 30 }, (_, index) => ({
      order_id: `o-${index}`,
      status: index % 3 === 0 ? 'paid' : 'open',
      country: 'nl',
      card: '4242',
    }))
    const records = orders.map((order) => ({ topic: 'shop.orders', value: JSON.stringify(order) }))
    await produceWithJava(address, [{ records }])
    const folder = new PipelineFolder(readFileSync('pipelines/kafka-bridge.yaml', 'utf8'))
    try {
      const run = folder.run([], { env: { SHOP_KAFKA: address } })
      const found = await recordsOf(address, 'shop.orders.paid', { count: 10, run })
      expect(await stopped(run)).toBe(0)
      const byKey = new Map(found.map(({ key, value }) => [text(key), text(value)]))
      expect(byKey.size).toBe(10)
      expect(JSON.parse(byKey.get('o-3')!)).toEqual({
        order_id: 'o-3',
        status: 'paid',
        country: 'NL',
      })
    } finally {
      folder.remove()
    }
  })
})
