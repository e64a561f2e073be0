import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { createSystemClock } from '../../../src/clock/system-clock.ts'
import type { Fault } from './fault.ts'
import {
  FrameReader,
  type RequestHeader,
  requestHeader,
  responseCorrelationId,
  responseFrame,
} from './kafka-frames.ts'

const clock = createSystemClock()
/** The bytes of a sliced answer that come one by one; a whole fetch would take minutes. */
const slicedBytes = 256

export interface ProxyRules {
  /** The fault that this request meets; null for none. Called once for each request, in order. */
  faultFor(request: RequestHeader): Fault | null
  /** Waits as long as the proxy lets nothing through. */
  whileOpen(): Promise<void>
}

interface Pending {
  readonly request: RequestHeader
  readonly fault: Fault | null
}

/** One connection of a client, with the one to the broker that goes with it. */
export class ProxiedConnection {
  readonly #client: Socket
  readonly #broker: Socket
  readonly #rules: ProxyRules
  /** Requests without an answer yet, by correlation id. */
  readonly #pending = new Map<number, Pending>()
  #isCut = false
  /** The ends of what is under way to the broker, and to the client: each keeps its order. */
  #toBroker: Promise<void> = Promise.resolve()
  #toClient: Promise<void> = Promise.resolve()

  constructor(client: Socket, broker: { host: string; port: number }, rules: ProxyRules) {
    this.#client = client
    this.#broker = connect(broker.port, broker.host)
    this.#rules = rules
    this.#client.setNoDelay(true)
    this.#broker.setNoDelay(true)
    this.#read(this.#client, (frame) => {
      this.#toBroker = this.#toBroker.then(() => this.#request(frame)).catch(() => this.cut())
      return this.#toBroker
    })
    this.#read(this.#broker, (frame) => {
      this.#toClient = this.#toClient.then(() => this.#response(frame)).catch(() => this.cut())
      return this.#toClient
    })
    // What the client sent before it went still arrives, as it does in a network.
    this.#client.once('close', () => {
      void this.#toBroker.then(() => this.#broker.end())
    })
    this.#broker.once('close', () => this.#client.destroy())
  }

  get isOpen(): boolean {
    return !this.#client.destroyed
  }

  /** Ends both sides at once, without a word. */
  cut(): void {
    this.#isCut = true
    for (const { fault } of this.#pending.values()) fault?.missed()
    this.#pending.clear()
    this.#client.destroy()
    this.#broker.destroy()
  }

  #read(socket: Socket, take: (frame: Buffer) => Promise<void>): void {
    const reader = new FrameReader()
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      try {
        const frames = reader.push(chunk)
        // No more than what is under way is kept here.
        socket.pause()
        void Promise.all(frames.map(take)).then(() => socket.resume())
      } catch {
        this.cut()
      }
    })
  }

  async #request(frame: Buffer): Promise<void> {
    const request = requestHeader(frame)
    const fault = this.#rules.faultFor(request)
    await this.#rules.whileOpen()
    const action = fault?.plan.action
    if (fault !== null && typeof action === 'object' && 'answer' in action) {
      fault.count()
      return write(this.#client, responseFrame(request.correlationId, action.answer(request)))
    }
    if (fault !== null && action === 'drop_request') {
      fault.count()
      return this.cut()
    }
    if (fault !== null && action === 'hold_request') {
      fault.count()
      await fault.released
    }
    if (fault !== null && typeof action === 'object' && 'delayRequestMs' in action) {
      fault.count()
      await clock.sleep(action.delayRequestMs)
    }
    if (this.#isCut) return fault?.missed()
    this.#pending.set(request.correlationId, { request, fault })
    await write(this.#broker, frame)
  }

  async #response(frame: Buffer): Promise<void> {
    const correlationId = responseCorrelationId(frame)
    const fault = this.#pending.get(correlationId)?.fault ?? null
    this.#pending.delete(correlationId)
    await this.#rules.whileOpen()
    if (fault === null) return write(this.#client, frame)
    const { action } = fault.plan
    if (action === 'drop_response') {
      fault.count()
      this.cut()
    } else if (action === 'cut_inside_response') {
      fault.count()
      await write(this.#client, frame.subarray(0, Math.ceil(frame.length / 2)))
      this.cut()
    } else if (action === 'slice_response') {
      fault.count()
      await this.#slice(frame)
    } else {
      await this.#late(fault)
      await write(this.#client, frame)
    }
  }

  async #late(fault: Fault): Promise<void> {
    const { action } = fault.plan
    if (action === 'hold_response') {
      fault.count()
      await fault.released
    } else if (typeof action === 'object' && 'delayResponseMs' in action) {
      fault.count()
      await clock.sleep(action.delayResponseMs)
    }
  }

  async #slice(frame: Buffer): Promise<void> {
    for (let i = 0; i < Math.min(frame.length, slicedBytes); i += 1) {
      await write(this.#client, frame.subarray(i, i + 1))
      await clock.sleep(0)
    }
    await write(this.#client, frame.subarray(slicedBytes))
  }
}

/** Resolves when the socket takes more, or has been closed. */
async function write(socket: Socket, bytes: Buffer): Promise<void> {
  if (socket.destroyed || socket.write(bytes)) return
  await Promise.race([once(socket, 'drain'), once(socket, 'close')])
}
