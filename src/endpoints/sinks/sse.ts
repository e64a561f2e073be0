import { z } from 'zod'
import { defineSink } from '../../core/endpoints.ts'
import { eventPlaceFields } from '../../core/push-settings.ts'
import { PushSink } from '../pushing/push-sink.ts'
import { pushFields, pushGuarantee } from '../pushing/push-setting.ts'
import { EventHub } from '../sse/event-hub.ts'
import { eventSettingOf } from '../sse/event-setting.ts'

const config = z.strictObject({ ...eventPlaceFields, ...pushFields })

export const sseSink = defineSink({
  type: 'sse',
  summary:
    'Pushes records to pages as server-sent events (EventSource), at best effort: to all, or to those in a room. A page that connects again gets what came meanwhile, as far as `history` keeps it (Last-Event-ID).',
  config,
  examples: [
    {
      title: 'Totals for a live page, which has the last 20 at once',
      config: { port: 8080, path: '/totals', history: 20 },
    },
  ],
  delivery: 'at_least_once',
  guarantee: pushGuarantee,
  remembers: false,
  singleTask: () => false,
  files: () => [],
  reset: () => Promise.resolve(),
  create: (setting, environment) =>
    new PushSink(EventHub.of(eventSettingOf(setting), environment), setting.room),
})
