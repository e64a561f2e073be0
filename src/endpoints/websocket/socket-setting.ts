import type { SocketPlaceFields } from '../../core/push-settings.ts'
import type { SocketSetting } from './socket-hub.ts'

export function socketSettingOf(fields: SocketPlaceFields): SocketSetting {
  const { host, port, path, origins, token, subprotocols, compression } = fields
  return {
    host,
    port,
    path,
    origins,
    token,
    subprotocols,
    compression,
    maxClients: fields.max_clients,
    maxMessage: fields.max_message,
    pingMs: fields.ping,
  }
}
