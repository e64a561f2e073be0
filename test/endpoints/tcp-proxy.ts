import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net'

export interface ProxyTarget {
  readonly host: string
  readonly port: number
}

/** Stands between a client and its server, on loopback: cuts connections, keeps bytes back, or slows them down. */
export class TcpProxy {
  readonly host = '127.0.0.1'
  readonly #target: ProxyTarget
  readonly #pairs = new Set<readonly [client: Socket, server: Socket]>()
  #server: Server | null = null
  #port = 0
  #isSilent = false
  #isRefusing = false

  constructor(target: ProxyTarget) {
    this.#target = target
  }

  static async start(target: ProxyTarget): Promise<TcpProxy> {
    const proxy = new TcpProxy(target)
    await proxy.#listen()
    return proxy
  }

  get port(): number {
    return this.#port
  }

  /** Ends all connections at once, without a word to the client; new ones are let in. */
  cut(): void {
    for (const [client, server] of this.#pairs) {
      client.resetAndDestroy()
      server.destroy()
    }
    this.#pairs.clear()
  }

  /** Ends all connections, and each new one at once, until `back`. */
  away(): void {
    this.#isRefusing = true
    this.cut()
  }

  back(): void {
    this.#isRefusing = false
    this.#isSilent = false
    for (const pair of this.#pairs) for (const socket of pair) socket.resume()
  }

  /** Keeps all connections open and hands nothing on, until `back`. */
  silent(): void {
    this.#isSilent = true
    for (const pair of this.#pairs) for (const socket of pair) socket.pause()
  }

  async close(): Promise<void> {
    this.cut()
    await new Promise((resolve) => this.#server?.close(resolve))
  }

  async #listen(): Promise<void> {
    const server = createServer((client) => this.#join(client))
    this.#server = server
    await new Promise<void>((resolve) => server.listen(0, this.host, resolve))
    this.#port = (server.address() as AddressInfo).port
  }

  #join(client: Socket): void {
    client.on('error', () => {})
    if (this.#isRefusing) {
      client.resetAndDestroy()
      return
    }
    const server = connect(this.#target.port, this.#target.host)
    const pair = [client, server] as const
    this.#pairs.add(pair)
    server.on('error', () => {})
    const end = () => {
      this.#pairs.delete(pair)
      client.destroy()
      server.destroy()
    }
    client.on('close', end)
    server.on('close', end)
    client.pipe(server)
    server.pipe(client)
    if (this.#isSilent) for (const socket of pair) socket.pause()
  }
}
