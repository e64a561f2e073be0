import { createServer, type Server, type Socket } from 'node:net'
import { freePorts } from '../broker/ports.ts'
import { type ApiName, apiKeys } from '../../../src/logs/kafka/client/api-keys.ts'
import type { RequestHeader } from './kafka-frames.ts'
import { Fault, type FaultPlan } from './fault.ts'
import { ProxiedConnection } from './proxied-connection.ts'

/**
 * Stands before a listener of a broker that advertises `port`, so that all connections of a client come
 * through here, and does to its requests and answers what a test asks for.
 *
 *   const proxy = await startFaultProxy()
 *   const broker = await startBroker({
 *     listeners: { PROXIED: { security: 'PLAINTEXT', advertisedPort: proxy.port } },
 *   })
 *   proxy.connectTo(broker.addresses['PROXIED']!)
 */
export async function startFaultProxy(): Promise<FaultProxy> {
  const [port] = await freePorts(1)
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return new FaultProxy(server, port!)
}

export class FaultProxy {
  readonly port: number
  /** `host:port` for clients. */
  readonly address: string
  readonly #server: Server
  readonly #connections = new Set<ProxiedConnection>()
  readonly #faults: Fault[] = []
  /** Requests seen, by API key. */
  readonly #seen = new Map<number, number>()
  #target: { host: string; port: number } | null = null
  #refusing = false
  /** Pending while nothing is let through. */
  #gate: PromiseWithResolvers<void> | null = null

  constructor(server: Server, port: number) {
    this.port = port
    this.address = `127.0.0.1:${port}`
    this.#server = server
    server.on('connection', (client) => this.#accept(client))
  }

  /** Where the broker's listener is bound. */
  connectTo(address: string): void {
    const colon = address.lastIndexOf(':')
    this.#target = { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) }
  }

  /** Plans a fault, from the next request on. Of several that want a request, the first one gets it. */
  inject(plan: FaultPlan): Fault {
    const fault = new Fault(plan)
    this.#faults.push(fault)
    return fault
  }

  /** How many requests of this kind have come through so far. */
  requests(api: ApiName): number {
    return this.#seen.get(apiKeys[api]) ?? 0
  }

  /** Ends all connections now. @returns how many there were. */
  cut(): number {
    const open = [...this.#connections].filter((connection) => connection.isOpen)
    for (const connection of this.#connections) connection.cut()
    this.#connections.clear()
    return open.length
  }

  /** Ends all connections, and new ones as soon as they come, until `accept`. */
  refuse(): number {
    this.#refusing = true
    return this.cut()
  }

  accept(): void {
    this.#refusing = false
  }

  /** Lets nothing through, in both directions, and closes nothing; what waits arrives at `restore`. */
  blackhole(): void {
    this.#gate ??= Promise.withResolvers<void>()
  }

  restore(): void {
    this.#gate?.resolve()
    this.#gate = null
  }

  /** Throws when a planned fault has not happened: a test without it would prove nothing. */
  assertAllHappened(): void {
    const missing = this.#faults.filter((fault) => fault.times === 0)
    if (missing.length > 0) throw new Error(`did not happen: ${missing.join(', ')}`)
  }

  /** Ends everything. Throws as `assertAllHappened` does. */
  async stop(): Promise<void> {
    for (const fault of this.#faults) fault.release()
    this.restore()
    this.cut()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.assertAllHappened()
  }

  #accept(client: Socket): void {
    if (this.#refusing || this.#target === null) {
      client.on('error', () => {})
      client.destroy()
      return
    }
    const connection = new ProxiedConnection(client, this.#target, {
      faultFor: (request) => this.#faultFor(request),
      whileOpen: () => this.#gate?.promise ?? Promise.resolve(),
    })
    this.#connections.add(connection)
    client.once('close', () => this.#connections.delete(connection))
  }

  #faultFor(request: RequestHeader): Fault | null {
    this.#seen.set(request.apiKey, (this.#seen.get(request.apiKey) ?? 0) + 1)
    // Each counts the requests that it is about, also when another one gets this request.
    const wanting = this.#faults.filter((fault) => fault.wants(request))
    return wanting[0] ?? null
  }
}
