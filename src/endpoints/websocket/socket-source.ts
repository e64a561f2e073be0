import type { EndpointEnvironment, ReadRequest, Source, SourceSlice } from '../../core/endpoints.ts'
import { Intake } from '../clients/intake.ts'
import { Replies, type ReplySetting } from '../clients/replies.ts'
import { Room } from '../clients/room.ts'
import { SocketHub, type SocketSetting } from './socket-hub.ts'

export interface SocketSourceOptions {
  readonly setting: SocketSetting
  readonly reply: ReplySetting | undefined
  readonly bufferBytes: number
  readonly replyBufferBytes: number
}

/** Takes what WebSocket clients send; who is answered, is answered once the message is stored. */
export class SocketSource implements Source {
  readonly #options: SocketSourceOptions
  readonly #environment: EndpointEnvironment
  readonly #replies: Replies
  readonly #intake: Intake
  readonly #room: Room
  #hub: SocketHub | null = null

  constructor(options: SocketSourceOptions, environment: EndpointEnvironment) {
    this.#options = options
    this.#environment = environment
    this.#replies = new Replies(options.reply, environment, () => this.#intake.wake())
    this.#room = new Room(options.bufferBytes, () => this.#intake.hasWaiting)
    this.#intake = new Intake({
      stamp: this.#replies.stamp,
      mayTake: () => this.#replies.mayTake(),
      drained: () => this.#room.relieve(),
    })
  }

  async read(request: ReadRequest): Promise<SourceSlice | null> {
    await this.#replies.waiters?.open(request.signal)
    if (request.signal.aborted) return null
    if (this.#hub === null) await this.#open()
    return this.#intake.read(request)
  }

  committed(): void {
    const slice = this.#intake.committed()
    if (slice !== undefined) this.#replies.committed(slice)
  }

  async close(): Promise<void> {
    this.#replies.close()
    await this.#hub?.stopReceiving()
  }

  async #open(): Promise<void> {
    const { setting, replyBufferBytes } = this.#options
    const hub = SocketHub.of(setting, this.#environment)
    const receiver = {
      room: this.#room,
      answers: this.#replies.areWanted,
      maxReplyBytes: replyBufferBytes,
      ready: (client: Parameters<Intake['ready']>[0]) => this.#intake.ready(client),
    }
    await hub.receive(receiver, this.#environment.dropped)
    this.#hub = hub
  }
}
