import { z } from 'zod'
import { duration, size } from '../../core/config-types.ts'
import { accessFields, placeFields } from '../pushing/client-access.ts'
import type { SocketSetting } from './socket-hub.ts'

/** Settings that the websocket source and sinks of a path have in common. */
export const socketFields = {
  ...placeFields,
  ...accessFields,
  subprotocols: z
    .array(z.string().regex(/^[\w!#$%&'*+.^`|~-]+$/, 'a subprotocol is a word without spaces'))
    .default([])
    .describe(
      'Of those that a client offers the first of this list is spoken; one that offers others is refused.',
    ),
  max_message: size()
    .prefault('64KiB')
    .describe(
      'Longest message of a client; the connection of a longer one is closed with code 1009.',
    ),
  ping: duration()
    .prefault('30s')
    .describe(
      'How often clients are asked for a sign of life; one that gives none until the next time is closed.',
    ),
  compression: z
    .boolean()
    .default(false)
    .describe(
      'Whether messages are compressed where the client can; it takes time and memory for each client.',
    ),
}

export function socketSettingOf(fields: z.output<z.ZodObject<typeof socketFields>>): SocketSetting {
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
