import type { EndpointEnvironment, KafkaEndpoints } from '../../core/endpoints.ts'
import { invariant } from '../../core/errors.ts'

/** Kafka's part of the program, which only those load that use it. */
export function openKafka({ kafka }: EndpointEnvironment): Promise<KafkaEndpoints> {
  invariant(kafka !== undefined, 'nothing outside is reached here, so no Kafka cluster either')
  return kafka()
}
