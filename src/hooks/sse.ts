import { z } from 'zod'
import { defineListener } from '../core/hook.ts'
import { eventPlaceFields } from '../core/push-settings.ts'
import { pushEventFields, pushingListener } from './push-event.ts'

export const sseListener = defineListener({
  type: 'sse',
  summary:
    'Push the event to pages as a server-sent event (EventSource), at best effort: to all, or to those in a room. An sse sink of the same path and settings has the same clients.',
  config: z.strictObject({ ...eventPlaceFields, ...pushEventFields }),
  examples: [
    {
      title: 'Alerts for a live page, which has the last 20 at once',
      config: { port: 8080, path: '/alerts', history: 20 },
    },
    {
      title: 'To the pages that watch the stage',
      config: { port: 8080, path: '/alerts', room: 'event.stage', map: 'event.message' },
    },
  ],
  secrets: [['token']],
  create: async (setting, { rooms }) =>
    pushingListener(setting, (await rooms?.sse(setting)) ?? null),
})
