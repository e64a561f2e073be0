// Written by `npm run gen`.
import type { ListenerDefinition } from '../core/hook.ts'
import { commandListener } from './command.ts'
import { logListener } from './log.ts'
import { moduleListener } from './module.ts'
import { publishListener } from './publish.ts'
import { sseListener } from './sse.ts'
import { webhookListener } from './webhook.ts'
import { websocketListener } from './websocket.ts'

export const listeners: readonly ListenerDefinition[] = [
  commandListener,
  logListener,
  moduleListener,
  publishListener,
  sseListener,
  webhookListener,
  websocketListener,
]
