import { answeredError } from './error-codes.ts'
import type { KafkaError } from './kafka-error.ts'
import { ownRequest, type ProtocolRequest } from './protocol-request.ts'

/** Kafka 2.3; AlterConfigs, which kafkajs has, resets all settings that are not given. */
const version = 0
const topicResource = 2
const setOperation = 0

/** Sets these settings of a topic and leaves the others as they are. */
export function alterTopicConfigRequest(
  topic: string,
  config: Readonly<Record<string, string>>,
): ProtocolRequest<KafkaError | null> {
  return ownRequest('IncrementalAlterConfigs', {
    version,
    repeatable: true,
    body: (writer) => {
      writer
        .int32(1)
        .int8(topicResource)
        .string(topic)
        .array(Object.entries(config), ([name, value]) =>
          writer.string(name).int8(setOperation).string(value),
        )
        .boolean(false) // really do it
    },
    read: (answer) => {
      answer.int32() // throttle time
      const [code = 0, said = null] =
        answer.array(7, () => {
          const result = [answer.int16(), answer.nullableString()] as const
          answer.int8()
          answer.string()
          return result
        })[0] ?? []
      return answeredError({ code, said, what: `changing the settings of the topic "${topic}"` })
    },
  })
}
