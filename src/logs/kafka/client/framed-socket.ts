import { connect as connectTcp, isIP, type OnReadOpts, type Socket } from 'node:net'
import { checkServerIdentity, connect as connectTls, type SecureContext } from 'node:tls'

const lengthBytes = 4
const keepAliveMs = 60_000
/** What is read at once. */
const readBytes = 256 * 1024

export interface SocketTls {
  readonly context: SecureContext
  /** The name that the certificate must be for, where it is not the host that was connected to. */
  readonly serverName: string | null
  readonly verify: boolean
}

export interface FramedSocketOptions {
  readonly host: string
  readonly port: number
  readonly tls: SocketTls | null
  /** A longer answer breaks the connection. */
  readonly maxFrameBytes: number
  /** One whole answer, without its length. */
  readonly onFrame: (frame: Buffer) => void
}

/** The length of an answer that nobody would send; the connection cannot be used any more. */
export class BadFrameLength extends Error {
  override readonly name = 'BadFrameLength'
  readonly length: number

  constructor(length: number) {
    super(`an answer of ${length} bytes`)
    this.length = length
  }

  /** The first bytes of a TLS record, read as a length: 0x15 or 0x16, then version 3. */
  get looksLikeTls(): boolean {
    return this.length >>> 16 === 0x1503 || this.length >>> 16 === 0x1603
  }
}

/**
 * The socket of a connection as kafkajs wants one, which cuts the stream into answers itself: an
 * answer is in one buffer, copied once, and its length is checked before anything is allocated.
 * Nagle's algorithm is off: it holds back the second of two small requests by 40 ms.
 */
export class FramedSocket {
  readonly #socket: Socket
  readonly #options: FramedSocketOptions
  #listener: ((error: Error | null) => void) | null = null
  #connected = false
  #ended = false
  /** The answer that is being received, with the length still being so where it is null. */
  #frame: Buffer | null = null
  readonly #lengthBuffer = Buffer.alloc(lengthBytes)
  #received = 0

  constructor(options: FramedSocketOptions, onConnect: () => void) {
    this.#options = options
    const connected = () => {
      this.#connected = true
      onConnect()
    }
    this.#socket = open(options, { connected, received: (chunk) => this.#receive(chunk) })
    this.#socket.setNoDelay(true)
    this.#socket.setKeepAlive(true, keepAliveMs)
    this.#socket.on('error', (error) => this.#finish(error))
    this.#socket.on('end', () => this.#finish(null))
    this.#socket.on('close', () => this.#finish(null))
  }

  /** Called once: with the error that ended the connection, or null when the other side closed it. */
  onEnd(listener: (error: Error | null) => void): void {
    this.#listener = listener
  }

  get connected(): boolean {
    return this.#connected
  }

  /** Hands over one request in parts, which must not change until it is answered. */
  send(parts: readonly Uint8Array[]): void {
    if (parts.length > 1) this.#socket.cork()
    for (const part of parts) this.#socket.write(part)
    if (parts.length > 1) this.#socket.uncork()
  }

  destroy(error: Error | null = null): void {
    this.#finish(error)
  }

  #finish(error: Error | null): void {
    if (this.#ended) return
    this.#ended = true
    this.#socket.destroy()
    this.#frame = null
    this.#listener?.(error)
  }

  #receive(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length && !this.#ended) {
      at = this.#frame === null ? this.#takeLength(chunk, at) : this.#fill(chunk, at)
    }
  }

  /** @returns where the rest of the chunk begins. */
  #takeLength(chunk: Buffer, at: number): number {
    const taken = Math.min(lengthBytes - this.#received, chunk.length - at)
    chunk.copy(this.#lengthBuffer, this.#received, at, at + taken)
    this.#received += taken
    if (this.#received < lengthBytes) return at + taken
    this.#received = 0
    const length = this.#lengthBuffer.readInt32BE(0)
    if (length < lengthBytes || length > this.#options.maxFrameBytes) {
      this.#finish(new BadFrameLength(length))
      return chunk.length
    }
    const begin = at + taken
    this.#frame = Buffer.allocUnsafe(length)
    return begin
  }

  #fill(chunk: Buffer, at: number): number {
    const frame = this.#frame!
    const taken = Math.min(frame.length - this.#received, chunk.length - at)
    chunk.copy(frame, this.#received, at, at + taken)
    this.#received += taken
    if (this.#received === frame.length) {
      this.#frame = null
      this.#received = 0
      this.#options.onFrame(frame)
    }
    return at + taken
  }
}

/** The chunk is valid during the call only. */
type Receive = (chunk: Buffer) => void

function open(
  { host, port, tls }: FramedSocketOptions,
  { connected, received }: { connected: () => void; received: Receive },
): Socket {
  if (tls === null) return connectTcp({ host, port, onread: intoOneBuffer(received) }, connected)
  const name = tls.serverName ?? host
  const socket = connectTls(
    {
      host,
      port,
      secureContext: tls.context,
      // An address is no name that a server could be asked for, but its certificate may hold it.
      ...(isIP(name) === 0 ? { servername: name } : {}),
      rejectUnauthorized: tls.verify,
      checkServerIdentity: (_, certificate) => checkServerIdentity(name, certificate),
    },
    connected,
  )
  return socket.on('data', received)
}

/** Reads into the same memory each time, where a socket takes new memory for each read otherwise. */
function intoOneBuffer(received: Receive): OnReadOpts {
  return {
    buffer: Buffer.allocUnsafeSlow(readBytes),
    callback: (count, buffer) => {
      received(Buffer.from(buffer.buffer, buffer.byteOffset, count))
      return true
    },
  }
}
