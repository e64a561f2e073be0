import type { Socket } from 'node:net'
import type { Clock } from '../../core/clock.ts'
import type { EndpointDrop } from '../../core/endpoint-drops.ts'
import type { SourceInfo } from '../../core/step-record.ts'
import { emptyBytes } from '../../core/record-batch.ts'
import type { Client, ClientMessage } from '../clients/client.ts'
import type { Room } from '../clients/room.ts'
import type { FrameDecoder } from './frame-decoder.ts'
import { FrameInput, lengthBytes, type Framing } from './frame-input.ts'

export interface TcpClientOptions {
  readonly clock: Clock
  readonly framing: Framing
  readonly decoder: FrameDecoder
  /** The number of the connection, for `source.connection`. */
  readonly number: number
  readonly room: Room
  /** A message is whole. */
  readonly ready: (client: TcpClient) => void
  readonly closed: (client: TcpClient) => void
  readonly dropped: (drop: EndpointDrop, count?: number) => void
  /** Whether messages are answered at all. */
  readonly answers: boolean
  /** Bytes of answers that may wait for the client; with more of them nothing is taken from it. */
  readonly maxReplyBytes: number
}

/** With so many bytes waiting to be taken a client is not read from. */
const highWaterBytes = 128 * 1024
/** A client that has been told to go, and is still there after so long, is cut off. */
const lingerUs = 5_000_000
/** Chunks whose time of arrival is known one by one. */
const maxArrivals = 64

/** When bytes came: those up to `end`, of all that came. */
interface Arrival {
  end: number
  readonly ms: number
  readonly us: number
}

/** One connection: what it sends is cut into messages, which are answered in their order. */
export class TcpClient implements Client {
  readonly headers = emptyBytes
  readonly remoteIp: string
  readonly #socket: Socket
  readonly #options: TcpClientOptions
  readonly #input: FrameInput
  readonly #message: ClientMessage = {
    value: emptyBytes,
    failure: null,
    line: 0,
    arrivedMs: 0,
    arrivedUs: 0,
  }
  readonly #arrivals: Arrival[] = []
  #isHeld = false
  /** It is the last one: what follows it is not read. */
  #isLast = false
  /** Bytes of memory that the room knows of. */
  #held = 0
  #line = 0
  #arrivedBytes = 0
  /** Messages that were taken and are not settled. */
  #owed = 0
  #answers: Buffer[] = []
  #lastUs: number
  #hasEnded = false
  #isClosing = false
  #isGone = false
  #hasNoRoom = false
  #isSlow = false

  constructor(socket: Socket, options: TcpClientOptions) {
    this.#socket = socket
    this.#options = options
    this.#input = new FrameInput(options.framing)
    this.remoteIp = socket.remoteAddress ?? ''
    this.#lastUs = options.clock.monotonicUs()
    options.room.enter(this)
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('end', () => this.#end())
    socket.on('drain', () => this.#drained())
    // The error is followed by `close`; without a listener it would end the process.
    socket.on('error', () => {})
    socket.on('close', () => this.#gone())
  }

  get held(): number {
    return this.#held
  }

  info(line: number): SourceInfo {
    return { remote_ip: this.remoteIp, connection: this.#options.number, line }
  }

  look(): ClientMessage | null {
    if (this.#isHeld) return this.#message
    if (this.#isSlow) return null
    while (this.#input.find()) {
      this.#line += 1
      this.#message.line = this.#line
      const found = this.#options.decoder.decode(this.#input, this.#message)
      if (found !== 'gap') {
        this.#stamp()
        this.#isHeld = true
        this.#isLast = found === 'last'
        return this.#message
      }
      this.#input.consume()
    }
    return null
  }

  consume(): void {
    this.#isHeld = false
    this.#owed += 1
    this.#lastUs = this.#options.clock.monotonicUs()
    if (this.#message.failure?.code === 'RECORD_TOO_LARGE') this.#options.dropped('too_large')
    this.#input.consume()
    if (this.#isLast) {
      this.#input.fail()
      this.#hasEnded = true
    }
    this.#account()
    this.#pauseOrResume()
  }

  settle(answer: string | null): void {
    this.#owed -= 1
    if (answer !== null && !this.#isGone) this.#answers.push(this.#framed(answer))
  }

  flush(): void {
    const answers = this.#answers
    if (answers.length > 0 && !this.#isGone && !this.#isClosing) {
      this.#answers = []
      this.#socket.write(answers.length === 1 ? answers[0]! : Buffer.concat(answers))
      if (this.#socket.writableLength > this.#options.maxReplyBytes) this.#isSlow = true
      this.#pauseOrResume()
    }
    this.#endIfDone()
  }

  /** Tells the client why, and closes. */
  refuse(drop: EndpointDrop, message: string): void {
    if (this.#isClosing || this.#isGone) return
    this.#options.dropped(drop)
    this.#socket.write(this.#framed(`error ${drop}: ${message}`))
    this.#closeDown()
  }

  evict(): void {
    this.refuse('out_of_room', 'no memory is left for unfinished messages; connect again')
    this.#input.fail()
    this.#account()
  }

  resume(): void {
    this.#hasNoRoom = false
    this.#pauseOrResume()
  }

  /** Looks whether the client has been silent, or slow, for too long. */
  check(silentUs: number): void {
    const pastUs = this.#options.clock.monotonicUs() - this.#lastUs
    if (this.#isClosing) {
      if (pastUs >= lingerUs) this.destroy()
    } else if (pastUs < silentUs) return
    else if (this.#isSlow) {
      this.#options.dropped('slow_client')
      this.destroy()
    } else if (this.#owed === 0 && !this.#hasNoRoom && this.look() === null)
      this.refuse('idle_client', 'no message was completed for idle_timeout; connect again')
  }

  /** Takes nothing more from the client: what it was promised is still sent. */
  stop(): void {
    this.#hasEnded = true
    this.#pauseOrResume()
    this.#closeDown()
  }

  destroy(): void {
    this.#socket.destroy()
    this.#gone()
  }

  #take(chunk: Buffer): void {
    if (this.#hasEnded || this.#isClosing) return
    this.#input.push(chunk)
    this.#arrived(chunk.length)
    // A message at hand may have moved; it is looked at anew, and was not counted twice.
    if (this.#isHeld) {
      this.#isHeld = false
      this.#line -= 1
    }
    const hasMessage = this.look() !== null
    if (hasMessage) this.#options.ready(this)
    this.#account()
    this.#pauseOrResume()
  }

  #arrived(bytes: number): void {
    const { clock } = this.#options
    const last = this.#arrivals.at(-1)
    const us = clock.monotonicUs()
    const end = (last?.end ?? this.#arrivedBytes) + bytes
    this.#arrivedBytes = end
    if (last !== undefined && (last.us === us || this.#arrivals.length >= maxArrivals))
      last.end = end
    else this.#arrivals.push({ end, ms: clock.wallMs(), us })
  }

  /** A message came when the last of its bytes did. */
  #stamp(): void {
    const { endOfFrame } = this.#input
    while (this.#arrivals.length > 1 && this.#arrivals[0]!.end < endOfFrame) this.#arrivals.shift()
    this.#message.arrivedMs = this.#arrivals[0]!.ms
    this.#message.arrivedUs = this.#arrivals[0]!.us
  }

  #account(): void {
    const { held } = this.#input
    const delta = held - this.#held
    this.#held = held
    if (delta !== 0 && !this.#isGone && !this.#options.room.changed(this, delta))
      this.#hasNoRoom = true
  }

  #pauseOrResume(): void {
    // Without a whole message there is nothing to wait for but more bytes.
    const hasMuch = this.#input.buffered >= highWaterBytes && this.look() !== null
    if (!this.#isClosing && (hasMuch || this.#isSlow || this.#hasNoRoom)) this.#socket.pause()
    else if (this.#socket.isPaused()) this.#socket.resume()
  }

  #end(): void {
    this.#hasEnded = true
    this.#endIfDone()
  }

  #endIfDone(): void {
    if (!this.#hasEnded || this.#owed > 0 || this.#isClosing || this.look() !== null) return
    if (this.#input.isInside) this.#options.dropped('unfinished')
    this.#closeDown()
  }

  /** What still comes is read and let go: bytes left unread would make the system throw answers away. */
  #closeDown(): void {
    if (this.#isClosing) return
    this.#isClosing = true
    this.#lastUs = this.#options.clock.monotonicUs()
    this.#socket.end()
    this.#pauseOrResume()
  }

  #drained(): void {
    if (!this.#isSlow) return
    this.#isSlow = false
    this.#lastUs = this.#options.clock.monotonicUs()
    if (this.look() !== null) this.#options.ready(this)
    this.#pauseOrResume()
    this.#endIfDone()
  }

  #gone(): void {
    if (this.#isGone) return
    this.#isGone = true
    const { answers, dropped, closed, room } = this.#options
    if (answers && this.#owed > 0) dropped('lost_client')
    this.#isSlow = false
    // What is whole is still taken.
    if (this.look() !== null) this.#options.ready(this)
    else if (!this.#hasEnded && this.#input.isInside) dropped('unfinished')
    this.#answers = []
    if (this.#held > 0) room.changed(this, -this.#held)
    this.#held = 0
    room.leave(this)
    closed(this)
  }

  #framed(answer: string): Buffer {
    const { delimiter } = this.#options.framing
    if (delimiter !== null) return Buffer.concat([Buffer.from(answer), delimiter])
    const bytes = Buffer.alloc(lengthBytes + Buffer.byteLength(answer))
    bytes.writeUInt32BE(bytes.length - lengthBytes)
    bytes.write(answer, lengthBytes)
    return bytes
  }
}
