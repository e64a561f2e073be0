import { connect, type Socket } from 'node:net'

/** A client of a TCP server, as a test drives one. */
export class TcpPeer {
  readonly socket: Socket
  received = Buffer.alloc(0)
  /** The server has ended its side. */
  hasEnded = false
  isClosed = false
  #changed: (() => void) | null = null

  constructor(socket: Socket) {
    this.socket = socket
    const change = () => this.#changed?.()
    socket.on('data', (chunk) => {
      this.received = Buffer.concat([this.received, chunk])
      change()
    })
    socket.on('end', () => {
      this.hasEnded = true
      change()
    })
    socket.on('close', () => {
      this.isClosed = true
      change()
    })
    socket.on('error', () => {})
  }

  static async open(port: number): Promise<TcpPeer> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    const peer = new TcpPeer(socket)
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return peer
  }

  get text(): string {
    return this.received.toString('utf8')
  }

  get lines(): string[] {
    return this.text.split('\n').slice(0, -1)
  }

  send(data: string | Buffer): this {
    this.socket.write(data)
    return this
  }

  /** Waits for the server. */
  async until(isSo: (peer: this) => boolean): Promise<this> {
    while (!isSo(this)) {
      if (this.isClosed) throw new Error(`closed after ${JSON.stringify(this.text.slice(0, 500))}`)
      await new Promise<void>((resolve) => (this.#changed = resolve))
    }
    return this
  }

  /** Waits until the server has closed; what it has sent. */
  async closed(): Promise<string> {
    while (!this.isClosed && !this.hasEnded)
      await new Promise<void>((resolve) => (this.#changed = resolve))
    return this.text
  }
}
