import { z } from 'zod'
import { defineSink } from '../../core/endpoints.ts'
import { socketFields } from '../../core/push-settings.ts'
import { PushSink } from '../pushing/push-sink.ts'
import { historyOf, pushFields, pushGuarantee } from '../pushing/push-setting.ts'
import { SocketPushPlace } from '../websocket/socket-push-place.ts'
import { socketSettingOf } from '../websocket/socket-setting.ts'

const config = z.strictObject({ ...socketFields, ...pushFields })

export const websocketSink = defineSink({
  type: 'websocket',
  summary:
    'Pushes records to WebSocket clients, at best effort: to all, or to those in a room. A websocket source of the same path takes what the same clients send.',
  config,
  examples: [
    {
      title: 'Messages of a chat to the clients in their room, who get the last 50 when they come',
      config: { port: 8080, path: '/chat', room: 'value.room', history: 50 },
    },
  ],
  delivery: 'at_least_once',
  guarantee: pushGuarantee,
  remembers: false,
  singleTask: () => false,
  files: () => [],
  reset: () => Promise.resolve(),
  create(setting, environment) {
    const { room, buffer, slow } = setting
    const limits = { bufferBytes: buffer, slow, history: historyOf(setting) }
    const place = new SocketPushPlace(socketSettingOf(setting), limits, environment)
    return new PushSink(place, room)
  },
})
