import type { EventPlaceFields } from '../../core/push-settings.ts'
import { historyOf } from '../pushing/push-setting.ts'
import type { EventSetting } from './event-hub.ts'

export function eventSettingOf(fields: EventPlaceFields): EventSetting {
  const { host, port, path, origins, token, slow } = fields
  return {
    host,
    port,
    path,
    origins,
    token,
    slow,
    maxClients: fields.max_clients,
    heartbeatMs: fields.heartbeat,
    bufferBytes: fields.buffer,
    history: historyOf(fields),
  }
}
