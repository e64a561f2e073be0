// Written by `npm run gen`.
import type { SourceDefinition } from '../../core/endpoints.ts'
import { fileSource } from './file.ts'
import { generateSource } from './generate.ts'
import { httpSource } from './http.ts'
import { kafkaSource } from './kafka.ts'
import { rabbitmqSource } from './rabbitmq.ts'
import { stdinSource } from './stdin.ts'
import { tcpSource } from './tcp.ts'
import { websocketSource } from './websocket.ts'

export const sources: readonly SourceDefinition[] = [
  fileSource,
  generateSource,
  httpSource,
  kafkaSource,
  rabbitmqSource,
  stdinSource,
  tcpSource,
  websocketSource,
]
