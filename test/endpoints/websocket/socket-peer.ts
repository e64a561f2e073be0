import { once } from 'node:events'
import { WebSocket, type ClientOptions } from 'ws'

/** A WebSocket client of a server, as a test drives one: that of `ws`, which is not ours. */
export class SocketPeer {
  readonly socket: WebSocket
  readonly received: string[] = []
  closed: { readonly code: number; readonly reason: string } | null = null
  #changed: (() => void) | null = null

  constructor(url: string, options: ClientOptions & { readonly protocols?: string[] } = {}) {
    this.socket = new WebSocket(url, options.protocols ?? [], options)
    this.socket.on('message', (data: Buffer) => {
      this.received.push(data.toString('utf8'))
      this.#changed?.()
    })
    this.socket.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString('utf8') }
      this.#changed?.()
    })
    this.socket.on('error', () => {})
  }

  static async open(
    url: string,
    options: ClientOptions & { readonly protocols?: string[] } = {},
  ): Promise<SocketPeer> {
    const peer = new SocketPeer(url, options)
    await once(peer.socket, 'open')
    return peer
  }

  /** The status and body with which a server refuses to open one. */
  static async refusal(
    url: string,
    options: ClientOptions & { readonly protocols?: string[] } = {},
  ): Promise<{ readonly status: number | undefined; readonly body: string }> {
    const { socket } = new SocketPeer(url, options)
    const [, response] = (await once(socket, 'unexpected-response')) as [
      unknown,
      AsyncIterable<Buffer> & { statusCode?: number },
    ]
    let body = ''
    for await (const chunk of response) body += chunk.toString('utf8')
    return { status: response.statusCode, body }
  }

  send(data: string | Buffer): this {
    this.socket.send(data)
    return this
  }

  async until(isSo: (peer: this) => boolean): Promise<this> {
    while (!isSo(this)) {
      if (this.closed !== null) throw new Error(`closed: ${JSON.stringify(this.closed)}`)
      await new Promise<void>((resolve) => (this.#changed = resolve))
    }
    return this
  }

  async untilClosed(): Promise<NonNullable<SocketPeer['closed']>> {
    while (this.closed === null) await new Promise<void>((resolve) => (this.#changed = resolve))
    return this.closed
  }
}
