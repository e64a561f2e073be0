import { expression } from '../../core/config-types.ts'
import type { EndpointGuarantee } from '../../core/endpoints.ts'
import { pushLimitFields } from '../../core/push-settings.ts'
import type { HistoryLimits } from './history.ts'

const maxRooms = 10_000

/** Settings of sinks that push to the clients that are there. */
export const pushFields = {
  room: expression()
    .optional()
    .describe(
      'The room whose clients get the record, or a list of rooms; null: nobody does. Clients choose rooms when they connect: ?room=a&room=b, and anybody who may connect may enter any. Without it every client gets every record.',
    ),
  ...pushLimitFields,
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
