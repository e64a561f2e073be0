import { z } from 'zod'
import { duration } from '../../core/config-types.ts'
import { defineSink } from '../../core/endpoints.ts'
import { accessFields, placeFields } from '../pushing/client-access.ts'
import { PushSink } from '../pushing/push-sink.ts'
import { historyOf, pushFields, pushGuarantee } from '../pushing/push-setting.ts'
import { EventHub } from '../sse/event-hub.ts'

const config = z.strictObject({
  ...placeFields,
  ...accessFields,
  ...pushFields,
  heartbeat: duration()
    .prefault('15s')
    .describe(
      'How often an empty line keeps the connection open, and shows whether the client is there.',
    ),
})

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
  create(setting, environment) {
    const { host, port, path, origins, token, room, slow } = setting
    const hub = EventHub.of(
      {
        host,
        port,
        path,
        origins,
        token,
        slow,
        maxClients: setting.max_clients,
        heartbeatMs: setting.heartbeat,
        bufferBytes: setting.buffer,
        history: historyOf(setting),
      },
      environment,
    )
    return new PushSink(hub, room)
  },
})
