import { z } from 'zod'
import { duration, size } from './config-types.ts'

const maxClients = 10_000
const maxPort = 65_535
const maxHistory = 1_000

/** Settings of those that clients connect to by HTTP. */
const placeFields = {
  host: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('The address to listen on; 0.0.0.0 is every one of this machine.'),
  port: z
    .int()
    .min(0)
    .max(maxPort)
    .describe(
      'The port, which stages may share that have different paths; 0 takes one that is free.',
    ),
  path: z
    .string()
    .regex(/^\/[^?#\s]*$/, 'a path begins with / and has no query: /chat')
    .describe('The path that clients connect to.'),
}

/** Settings of who may connect. */
const accessFields = {
  origins: z
    .array(z.string().min(1))
    .optional()
    .describe(
      'Pages of which sites may connect, such as https://example.org; "*" for any. By default those of this very host and port. Clients that are no browsers are not asked.',
    ),
  token: z
    .string()
    .min(1)
    .optional()
    .describe(
      'A secret that clients have to show: as `Authorization: Bearer ...`, or as `?token=` where they are browsers. Written as ${secret:NAME}.',
    ),
  max_clients: z
    .int()
    .min(1)
    .default(maxClients)
    .describe('Clients at one time; the next one is refused.'),
}

/** Settings that all who serve the WebSocket clients of a path have in common. */
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

/** Settings of who pushes to the clients that are there. */
export const pushLimitFields = {
  buffer: size().prefault('256KiB').describe('Bytes that may wait to be sent to one client.'),
  slow: z
    .enum(['skip', 'close'])
    .default('skip')
    .describe(
      'What becomes of a client that takes them too slowly: it does not get what is pushed meanwhile, or is closed. Both are counted; the pipeline never waits.',
    ),
  history: z
    .int()
    .min(0)
    .max(maxHistory)
    .default(0)
    .describe(
      'So many of the last records of its rooms a client gets when it connects. They are kept in memory: a restart forgets them.',
    ),
  history_size: size()
    .prefault('16MiB')
    .describe(
      'Memory for them, of all rooms; the room that was quiet the longest is forgotten first.',
    ),
}

/** Settings that all who push events to the pages of a path have in common. */
export const eventPlaceFields = {
  ...placeFields,
  ...accessFields,
  ...pushLimitFields,
  heartbeat: duration()
    .prefault('15s')
    .describe(
      'How often an empty line keeps the connection open, and shows whether the client is there.',
    ),
}

export type SocketPlaceFields = z.output<z.ZodObject<typeof socketFields>>
export type PushLimitFields = z.output<z.ZodObject<typeof pushLimitFields>>
export type EventPlaceFields = z.output<z.ZodObject<typeof eventPlaceFields>>
