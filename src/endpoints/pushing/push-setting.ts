import { z } from 'zod'
import { expression, size } from '../../core/config-types.ts'
import type { EndpointGuarantee } from '../../core/endpoints.ts'
import type { HistoryLimits } from './history.ts'

const maxHistory = 1_000
const maxRooms = 10_000

/** Settings of sinks that push to the clients that are there. */
export const pushFields = {
  room: expression()
    .optional()
    .describe(
      'The room whose clients get the record, or a list of rooms; null: nobody does. Clients choose rooms when they connect: ?room=a&room=b, and anybody who may connect may enter any. Without it every client gets every record.',
    ),
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

export function historyOf(fields: {
  readonly history: number
  readonly history_size: number
}): HistoryLimits {
  return { perRoom: fields.history, rooms: maxRooms, bytes: fields.history_size }
}

export function pushGuarantee(): EndpointGuarantee {
  return {
    guarantee: 'best_effort',
    why: 'A record is pushed to the clients that are connected when it is written, and is never waited for.',
    afterCrash:
      'Clients that were away get what `history` keeps at most, which a restart forgets; the records since the last commit are pushed again.',
    dropBy: 'a field of the record that identifies it.',
  }
}
