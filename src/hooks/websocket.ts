import { z } from 'zod'
import { defineListener } from '../core/hook.ts'
import { pushLimitFields, socketFields } from '../core/push-settings.ts'
import { pushEventFields, pushingListener } from './push-event.ts'

export const websocketListener = defineListener({
  type: 'websocket',
  summary:
    'Push the event to WebSocket clients, at best effort: to all, or to those in a room. A websocket source or sink of the same path and settings has the same clients.',
  config: z.strictObject({ ...socketFields, ...pushLimitFields, ...pushEventFields }),
  examples: [
    { title: 'All events of a hook, for whoever watches', config: { port: 8080, path: '/events' } },
    {
      title: 'To the clients in the room of the record, in words',
      config: {
        port: 8080,
        path: '/chat',
        room: 'value.room',
        map: "{ notice: 'a message was held back', user: value.user }",
      },
    },
  ],
  secrets: [['token']],
  create: async (setting, { rooms }) =>
    pushingListener(setting, (await rooms?.websocket(setting)) ?? null),
})
