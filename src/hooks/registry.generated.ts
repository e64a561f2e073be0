// Written by `npm run gen`.
import type { ListenerDefinition } from '../core/hook.ts'
import { logListener } from './log.ts'
import { moduleListener } from './module.ts'

export const listeners: readonly ListenerDefinition[] = [
  logListener,
  moduleListener,
]
