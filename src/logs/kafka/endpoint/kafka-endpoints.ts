import type { KafkaEndpoints } from '../../../core/endpoints.ts'
import type { EndpointContext } from './endpoint-context.ts'
import { SharedClients } from './shared-clients.ts'
import { KafkaTopicSink } from './topic-sink.ts'
import { KafkaTopicSource } from './topic-source.ts'

/** Topics of clusters beside the log, as sources and sinks. */
export function kafkaEndpoints(context: EndpointContext): KafkaEndpoints {
  const clients = new SharedClients(context)
  return {
    source: (options) => new KafkaTopicSource(options, context, clients),
    sink: (options) => new KafkaTopicSink(options, context, clients),
  }
}
