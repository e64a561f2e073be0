import type { Clock } from '../../core/clock.ts'
import type { Listening, ListenPlace, OpenRoute, RouteHandlers } from '../../core/listening.ts'
import { defaultLimits, SharedServer, type ServerLimits } from './shared-server.ts'

export interface ListeningOptions {
  readonly clock: Clock
  readonly limits?: Partial<ServerLimits>
}

export function openListening(options: ListeningOptions): Listening {
  return new SharedListening(options)
}

interface OpenServer {
  readonly server: SharedServer
  readonly port: Promise<number>
}

class SharedListening implements Listening {
  readonly #options: ListeningOptions
  /** By host and port, as they were asked for. */
  readonly #servers = new Map<string, OpenServer>()
  readonly #routes = new Set<OpenRoute>()

  constructor(options: ListeningOptions) {
    this.#options = options
  }

  get routes(): readonly OpenRoute[] {
    return [...this.#routes]
  }

  async open(place: ListenPlace, handlers: RouteHandlers): Promise<OpenRoute> {
    const { host, path } = place
    const name = `${host}:${place.port}`
    const opened = this.#servers.get(name) ?? this.#start(place)
    this.#servers.set(name, opened)
    // Before anything is waited for, so that no two can have it.
    opened.server.add(place, handlers)
    try {
      const port = await opened.port
      const close = async () => {
        this.#routes.delete(route)
        await this.#leave(name, { opened, path, handlers })
      }
      const route: OpenRoute = { host, port, path, close }
      this.#routes.add(route)
      return route
    } catch (thrown) {
      await this.#leave(name, { opened, path, handlers })
      throw thrown
    }
  }

  async close(): Promise<void> {
    const servers = [...this.#servers.values()]
    this.#servers.clear()
    this.#routes.clear()
    await Promise.all(servers.map(({ server }) => server.close(0)))
  }

  #start(place: ListenPlace): OpenServer {
    const { clock, limits } = this.#options
    const server = new SharedServer(place, clock, { ...defaultLimits, ...limits })
    return { server, port: server.listen(place) }
  }

  async #leave(
    name: string,
    of: { readonly opened: OpenServer; readonly path: string; readonly handlers: RouteHandlers },
  ): Promise<void> {
    const { server } = of.opened
    if (!server.remove(of.path, of.handlers)) return
    if (this.#servers.get(name) === of.opened) this.#servers.delete(name)
    await server.close()
  }
}
