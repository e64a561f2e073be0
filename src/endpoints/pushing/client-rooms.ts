import type { EndpointEnvironment } from '../../core/endpoints.ts'
import type { ClientRooms, OpenRooms } from '../../core/push-rooms.ts'
import { EventHub } from '../sse/event-hub.ts'
import { eventSettingOf } from '../sse/event-setting.ts'
import { SocketPushPlace } from '../websocket/socket-push-place.ts'
import { socketSettingOf } from '../websocket/socket-setting.ts'
import { historyOf } from './push-setting.ts'
import type { PushPlace } from './push-sink.ts'

/** For those who push and are no sinks; they share clients with the sources and sinks of the environment. */
export function clientRooms(environment: EndpointEnvironment): ClientRooms {
  return {
    websocket(place) {
      const { buffer, slow } = place
      const limits = { bufferBytes: buffer, slow, history: historyOf(place) }
      return opened(new SocketPushPlace(socketSettingOf(place), limits, environment))
    },
    sse: async (place) => opened(EventHub.of(eventSettingOf(place), environment)),
  }
}

async function opened(place: PushPlace): Promise<OpenRooms> {
  await place.open()
  const { rooms } = place
  return {
    push(names, data) {
      if (rooms.isWanted) rooms.push(names, Buffer.from(data))
    },
    close: () => place.close(),
  }
}
