import type { JsonValue } from './json.ts'
import type { EventPlaceFields, PushLimitFields, SocketPlaceFields } from './push-settings.ts'

/** Of one message; more of them are left out. */
const maxRooms = 100

/** The clients that listen on paths of this process. Who names a path with the same settings shares them. */
export interface ClientRooms {
  /** @throws PipelineError CONFIG_ADDRESS where it cannot be listened on, or others of the path disagree. */
  websocket(place: SocketPlaceFields & PushLimitFields): Promise<OpenRooms>
  /** @throws PipelineError CONFIG_ADDRESS, as above. */
  sse(place: EventPlaceFields): Promise<OpenRooms>
}

export interface OpenRooms {
  /**
   * At best effort: it never waits for a client.
   * @param rooms those whose clients get it, once each; null: all do.
   */
  push(rooms: readonly string[] | null, data: Uint8Array): void
  /** The clients are told goodbye by the last who closes. */
  close(): Promise<void>
}

/** The rooms that an expression names: one, or a list of them; none for what is no name. */
export function roomNames(found: JsonValue): readonly string[] {
  return (Array.isArray(found) ? found : [found]).flatMap(nameOf).slice(0, maxRooms)
}

function nameOf(value: JsonValue): string[] {
  if (typeof value === 'string') return value === '' ? [] : [value]
  return typeof value === 'number' || typeof value === 'boolean' ? [String(value)] : []
}
