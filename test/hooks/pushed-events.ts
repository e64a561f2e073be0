import type { HookEvent, Listener, ListenerDefinition } from '../../src/core/hook.ts'
import { clientRooms } from '../../src/endpoints/pushing/client-rooms.ts'
import { bindConfig } from '../../src/topology/bind-config.ts'
import type { ListeningEndpoints } from '../endpoints/listening-endpoints.ts'
import { listenerEnvironment } from './listener-fixture.ts'

const { signal } = new AbortController()

export function heldBack(room: string | null): HookEvent {
  return {
    id: `e-${room}`,
    event: 'record_dead_lettered',
    pipeline: 'chat',
    stage: 'moderate',
    timeMs: 5,
    data: { code: 'RECORD_REQUIRED' },
    value: { room, user: 'eve' },
  }
}

/** A listener that pushes; without endpoints where nobody can connect. */
export async function pushingTo(
  definition: ListenerDefinition,
  setting: object,
  endpoints: ListeningEndpoints | null,
) {
  const config: unknown = definition.config.parse(setting)
  const report = (_path: unknown, thrown: unknown) => {
    throw thrown
  }
  bindConfig(config, [], { folder: '/', readText: () => '', scope: ['event', 'value'], report })
  const more = endpoints === null ? {} : { rooms: clientRooms(endpoints.environment) }
  const listener: Listener = await definition.create(config, listenerEnvironment(more))
  endpoints?.keep(listener)
  return { listener, notify: (event: HookEvent) => listener.notify(event, signal) }
}
