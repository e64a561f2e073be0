import { expect, it } from 'vitest'
import { describeWithKafka, sharedBroker } from '../broker/describe-with-kafka.ts'
import { produceWithJava } from '../java/kafka-tool.ts'
import { uniqueName } from '../workers/fleet.ts'
import { connections, createTopics, PipelineFolder } from './endpoint-pipeline.ts'

const { address } = sharedBroker

describeWithKafka('topic, partition and offset of a source of Kafka', () => {
  it.each([
    ['the embedded log', []],
    ['a cluster', ['--log', `kafka://${address}`]],
  ])(
    'are known to the steps of its stage, also where the stage has a sink (%s)',
    async (_, log) => {
      const topic = uniqueName('origin')
      await createTopics(address, { [topic]: 2 })
      const records = [0, 1, 1].map((partition) => ({
        topic,
        partition,
        value: '{}',
        headers: [['own', 'kept']] as const,
      }))
      await produceWithJava(address, [{ records }])
      const made = new PipelineFolder(`pipeline: ${topic}-copy
${connections(address)}stages:
  - name: copy
    source:
      kafka:
        connection: main
        topics: ${topic}
        bounded: true
    steps:
      - set:
          at: source.topic + ' ' + source.partition + '/' + source.offset
          own: headers.own
    sink:
      file:
        path: out.ndjson
`)
      try {
        const { code, stderr } = await made.run(log).ended
        expect(code, stderr).toBe(0)
        expect(made.lines('out.ndjson').toSorted()).toEqual(
          ['0/0', '1/0', '1/1'].map((at) => `{"at":"${topic} ${at}","own":"kept"}`),
        )
      } finally {
        made.remove()
      }
    },
    30_000,
  )
})
