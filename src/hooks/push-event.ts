import { cloudEventOf } from '../core/cloud-event.ts'
import { expression } from '../core/config-types.ts'
import type { Expression } from '../core/expression.ts'
import type { HookEvent, Listener } from '../core/hook.ts'
import { encodeJson } from '../core/json.ts'
import { roomNames, type OpenRooms } from '../core/push-rooms.ts'
import { evaluateEvent } from './evaluate-event.ts'

/** What listeners that push have in common. */
export const pushEventFields = {
  room: expression()
    .optional()
    .describe(
      'The room whose clients get the event, or a list of rooms, over `event` and `value`; null: nobody does. Clients choose rooms when they connect: ?room=a&room=b. Without it every client gets every event.',
    ),
  map: expression()
    .optional()
    .describe(
      'The message, over `event` and `value`, as JSON, or a text as it is; a CloudEvent if left out.',
    ),
}

export interface PushEventSetting {
  readonly room?: Expression | undefined
  readonly map?: Expression | undefined
}

/** @param rooms null: nobody connects here, and an event reaches those that are there: none. */
export function pushingListener(
  { room, map }: PushEventSetting,
  rooms: OpenRooms | null,
): Listener {
  return {
    notify(event) {
      const names = room === undefined ? null : roomNames(evaluateEvent(room, event))
      const text = messageOf(map, event)
      if (names === null || names.length > 0) rooms?.push(names, Buffer.from(text))
    },
    close: () => rooms?.close(),
  }
}

function messageOf(map: Expression | undefined, event: HookEvent): string {
  if (map === undefined) return encodeJson(cloudEventOf(event))
  const message = evaluateEvent(map, event)
  return typeof message === 'string' ? message : encodeJson(message)
}
