import type { EndpointEnvironment } from '../../core/endpoints.ts'
import { invariant } from '../../core/errors.ts'
import type { HistoryLimits } from '../pushing/history.ts'
import type { PushPlace } from '../pushing/push-sink.ts'
import type { PushRooms } from '../pushing/push-rooms.ts'
import type { PushLimits } from './socket-client.ts'
import { SocketHub, type SocketSetting } from './socket-hub.ts'

/** The clients of a path, for one sink. */
export class SocketPushPlace implements PushPlace {
  readonly #setting: SocketSetting
  readonly #limits: PushLimits & { readonly history: HistoryLimits }
  readonly #environment: EndpointEnvironment
  #hub: SocketHub | null = null

  constructor(
    setting: SocketSetting,
    limits: PushLimits & { readonly history: HistoryLimits },
    environment: EndpointEnvironment,
  ) {
    this.#setting = setting
    this.#limits = limits
    this.#environment = environment
  }

  get rooms(): PushRooms {
    const rooms = this.#hub?.rooms ?? null
    invariant(rooms !== null, 'a sink is opened before it is written to')
    return rooms
  }

  async open(): Promise<void> {
    const hub = SocketHub.of(this.#setting, this.#environment)
    await hub.push(this.#limits, this.#environment.dropped)
    this.#hub = hub
  }

  async close(): Promise<void> {
    await this.#hub?.leave()
    this.#hub = null
  }
}
