// Written by `npm run gen`.
import type { SinkDefinition } from '../../core/endpoints.ts'
import { dropSink } from './drop.ts'
import { fileSink } from './file.ts'
import { kafkaSink } from './kafka.ts'
import { rabbitmqSink } from './rabbitmq.ts'
import { stdoutSink } from './stdout.ts'

export const sinks: readonly SinkDefinition[] = [
  dropSink,
  fileSink,
  kafkaSink,
  rabbitmqSink,
  stdoutSink,
]
