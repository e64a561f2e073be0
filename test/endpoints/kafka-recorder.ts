import type {
  EndpointEnvironment,
  KafkaEndpoints,
  Sink,
  Source,
  SourceSlice,
} from '../../src/core/endpoints.ts'
import { emptyBatch } from '../../src/core/record-batch.ts'
import { anEnvironment } from './endpoint-fixture.ts'

export const slice: SourceSlice = {
  batch: emptyBatch(),
  failures: [],
  positions: new Map([['orders/0', { offset: '7', topic_id: null }]]),
  info: () => ({}),
}

/** Stands at the edge to Kafka: notes what it is asked for, in order. */
export function kafkaRecorder(): { environment: EndpointEnvironment; calls: unknown[][] } {
  const calls: unknown[][] = []
  const note = <Result>(call: unknown[], result: Result): Result => {
    calls.push(call)
    return result
  }
  const source: Source = {
    read: async (request) => note(['read', request.maxRecords], slice),
    committed: (positions) => note(['committed', [...positions.keys()]], undefined),
    lag: () => 12,
    close: async () => note(['close'], undefined),
  }
  const sink: Sink = {
    begin: async () => note(['begin'], null),
    write: async (batch) => note(['write', batch.count], { memory: null, failures: [] }),
    close: async () => note(['close'], undefined),
  }
  const endpoints: KafkaEndpoints = {
    source: (options) => note(['source', options], source),
    sink: (options) => note(['sink', options], sink),
  }
  const kafka = async () => note(['load'], endpoints)
  return { environment: { ...anEnvironment(), kafka }, calls }
}
