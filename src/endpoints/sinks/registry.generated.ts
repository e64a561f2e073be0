// Written by `npm run gen`.
import type { SinkDefinition } from '../../core/endpoints.ts'
import { dropSink } from './drop.ts'
import { fileSink } from './file.ts'
import { kafkaSink } from './kafka.ts'
import { postgresSink } from './postgres.ts'
import { rabbitmqSink } from './rabbitmq.ts'
import { sseSink } from './sse.ts'
import { stdoutSink } from './stdout.ts'
import { websocketSink } from './websocket.ts'

export const sinks: readonly SinkDefinition[] = [
  dropSink,
  fileSink,
  kafkaSink,
  postgresSink,
  rabbitmqSink,
  sseSink,
  stdoutSink,
  websocketSink,
]
