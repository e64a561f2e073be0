// Written by `npm run gen`.
import type { ListenerDefinition } from '../core/hook.ts'
import { commandListener } from './command.ts'
import { logListener } from './log.ts'
import { moduleListener } from './module.ts'
import { publishListener } from './publish.ts'
import { webhookListener } from './webhook.ts'

export const listeners: readonly ListenerDefinition[] = [
  commandListener,
  logListener,
  moduleListener,
  publishListener,
  webhookListener,
]
