import type { RawData, WebSocket } from 'ws'
import type { Clock } from '../../core/clock.ts'
import type { EndpointDrop } from '../../core/endpoint-drops.ts'
import type { JsonObject } from '../../core/json.ts'
import { emptyBytes } from '../../core/record-batch.ts'
import type { SourceInfo } from '../../core/step-record.ts'
import type { Client, ClientMessage } from '../clients/client.ts'
import type { Room } from '../clients/room.ts'
import type { Pushed } from '../pushing/history.ts'
import type { Subscriber } from '../pushing/push-rooms.ts'

/** Who takes what clients send. */
export interface SocketReceiver {
  readonly room: Room
  readonly answers: boolean
  /** Bytes that may wait to be sent; with more of them nothing is taken from the client. */
  readonly maxReplyBytes: number
  /** The client has a message. */
  ready(client: SocketClient): void
}

/** How clients are pushed to. */
export interface PushLimits {
  /** Bytes that may wait to be sent. */
  readonly bufferBytes: number
  /** What becomes of a client for whom more is waiting. */
  readonly slow: 'skip' | 'close'
}

export interface SocketClientOptions {
  readonly clock: Clock
  readonly number: number
  readonly remoteIp: string
  readonly query: JsonObject
  readonly rooms: readonly string[]
  readonly headers: Uint8Array
  readonly dropped: (drop: EndpointDrop, count?: number) => void
  /** What was not pushed: of a sink, where `dropped` may be of the source. */
  readonly pushDropped: (drop: EndpointDrop) => void
  readonly closed: (client: SocketClient) => void
}

interface Arrived {
  readonly data: Buffer
  readonly ms: number
  readonly us: number
}

/** With so much waiting to be taken a client is not read from. */
const highWaterBytes = 128 * 1024
/** What a message takes beside its bytes. */
const messageBytes = 128
export const closeCodes = { leaving: 1001, refused: 1008, busy: 1013 } as const

/** One WebSocket: its messages are taken and answered in their order, and it is pushed to. */
export class SocketClient implements Client, Subscriber {
  readonly rooms: readonly string[]
  readonly headers: Uint8Array
  /** It has shown a sign of life since it was last asked for one. */
  isAlive = true
  readonly #socket: WebSocket
  readonly #options: SocketClientOptions
  readonly #queue: Arrived[] = []
  readonly #message: ClientMessage = {
    value: emptyBytes,
    failure: null,
    line: 0,
    arrivedMs: 0,
    arrivedUs: 0,
  }
  #receiver: SocketReceiver | null = null
  #pushLimits: PushLimits | null = null
  #held = 0
  #line = 0
  #owed = 0
  #answers: string[] = []
  #hasNoRoom = false
  #isSlow = false
  #isGone = false

  constructor(socket: WebSocket, options: SocketClientOptions) {
    this.#socket = socket
    this.#options = options
    this.rooms = options.rooms
    this.headers = options.headers
    socket.on('message', (data) => this.#arrived(data))
    socket.on('pong', () => (this.isAlive = true))
    // It closes the connection by itself, with the code that says why.
    socket.on('error', (error) => options.dropped(dropOf(error)))
    socket.on('close', () => this.#gone())
  }

  get held(): number {
    return this.#held
  }

  /** @param receiver null: nobody takes what it sends. */
  receiveBy(receiver: SocketReceiver | null): void {
    this.#receiver?.room.leave(this)
    this.#receiver = receiver
    receiver?.room.enter(this)
  }

  pushBy(limits: PushLimits | null): void {
    this.#pushLimits = limits
  }

  info(line: number): SourceInfo {
    const { remoteIp, number, query } = this.#options
    return { remote_ip: remoteIp, connection: number, line, query }
  }

  look(): ClientMessage | null {
    const [first] = this.#queue
    if (first === undefined || this.#isSlow) return null
    const message = this.#message
    message.value = first.data
    message.line = this.#line + 1
    message.arrivedMs = first.ms
    message.arrivedUs = first.us
    return message
  }

  consume(): void {
    const taken = this.#queue.shift()
    this.#line += 1
    this.#owed += 1
    if (taken !== undefined) this.#account(-taken.data.length - messageBytes)
    this.#pauseOrResume()
  }

  settle(answer: string | null): void {
    this.#owed -= 1
    if (answer !== null) this.#answers.push(answer)
  }

  flush(): void {
    const answers = this.#answers
    if (answers.length === 0) return
    this.#answers = []
    if (this.#isGone) return
    for (const answer of answers) this.#socket.send(answer, this.#sent)
    if (this.#socket.bufferedAmount > (this.#receiver?.maxReplyBytes ?? 0)) this.#isSlow = true
    this.#pauseOrResume()
  }

  push({ data }: Pushed): void {
    const limits = this.#pushLimits
    if (limits === null || this.#socket.readyState !== this.#socket.OPEN) return
    if (this.#socket.bufferedAmount <= limits.bufferBytes)
      this.#socket.send(data, { binary: false })
    else if (limits.slow === 'skip') this.#options.pushDropped('skipped_push')
    else {
      this.#options.pushDropped('slow_client')
      this.#socket.terminate()
    }
  }

  resume(): void {
    this.#hasNoRoom = false
    this.#pauseOrResume()
  }

  evict(): void {
    this.#options.dropped('out_of_room')
    this.#socket.close(closeCodes.busy, 'no memory is left for messages')
    this.#queue.length = 0
    this.#account(-this.#held)
  }

  /** Asks for a sign of life; who has shown none since the last time is gone. */
  check(): void {
    // Of one that is not read from no sign can come.
    if (!this.isAlive && !this.#socket.isPaused) {
      this.#options.dropped(this.#isSlow ? 'slow_client' : 'idle_client')
      this.#socket.terminate()
      return
    }
    this.isAlive = false
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping()
  }

  /** Nothing more is taken, and what it still sends is not read. */
  stop(): void {
    this.receiveBy(null)
    this.#socket.pause()
  }

  close(): void {
    this.#socket.resume()
    this.#socket.close(closeCodes.leaving, 'the pipeline is stopping')
  }

  terminate(): void {
    this.#socket.terminate()
  }

  #arrived(raw: RawData): void {
    this.isAlive = true
    if (this.#socket.readyState !== this.#socket.OPEN) return
    if (this.#receiver === null) {
      this.#options.dropped('refused_client')
      this.#socket.close(closeCodes.refused, 'nothing is taken from clients here')
      return
    }
    const { clock } = this.#options
    const data = bytesOf(raw)
    this.#queue.push({ data, ms: clock.wallMs(), us: clock.monotonicUs() })
    this.#receiver.ready(this)
    this.#account(data.length + messageBytes)
    this.#pauseOrResume()
  }

  #account(delta: number): void {
    this.#held += delta
    const { room } = this.#receiver ?? {}
    if (room === undefined || this.#isGone || delta === 0) return
    if (!room.changed(this, delta)) this.#hasNoRoom = true
  }

  #pauseOrResume(): void {
    if (this.#isGone) return
    if (this.#held >= highWaterBytes || this.#isSlow || this.#hasNoRoom) this.#socket.pause()
    else if (this.#socket.isPaused) {
      this.isAlive = true
      this.#socket.resume()
    }
  }

  readonly #sent = (): void => {
    const most = this.#receiver?.maxReplyBytes ?? 0
    if (!this.#isSlow || this.#isGone || 2 * this.#socket.bufferedAmount > most) return
    this.#isSlow = false
    if (this.#queue.length > 0) this.#receiver?.ready(this)
    this.#pauseOrResume()
  }

  #gone(): void {
    if (this.#isGone) return
    this.#isGone = true
    this.#isSlow = false
    if (this.#receiver !== null) {
      if (this.#receiver.answers && this.#owed > 0) this.#options.dropped('lost_client')
      if (this.#held > 0) this.#receiver.room.changed(this, -this.#held)
      this.#receiver.room.leave(this)
      // What was whole is still taken.
      if (this.#queue.length > 0) this.#receiver.ready(this)
    }
    this.#options.closed(this)
  }
}

function bytesOf(raw: RawData): Buffer {
  if (Buffer.isBuffer(raw)) return raw
  return Array.isArray(raw) ? Buffer.concat(raw) : Buffer.from(raw)
}

function dropOf(error: Error & { code?: string }): EndpointDrop {
  return error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' ? 'too_large' : 'bad_frame'
}
