import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** Where somebody listens. Those who name one host and port share a server, each with paths of its own. */
export interface ListenPlace {
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
  /** Exactly so, without a query; begins with `/`. */
  readonly path: string
  /** For messages, such as `the http source`. */
  readonly owner: string
}

/** One of them, or both: two of a path may share it where one takes requests and the other upgrades. */
export interface RouteHandlers {
  /** Has to answer each request; nothing of its body was read. */
  request?(request: IncomingMessage, response: ServerResponse): void
  /** Has to answer on the socket, and to close it in the end. */
  upgrade?(request: IncomingMessage, socket: Duplex, head: Buffer): void
}

export interface OpenRoute {
  /** Where it can be reached. */
  readonly host: string
  readonly port: number
  readonly path: string
  /**
   * No request comes any more, and those under way are waited for, for some seconds at most. The
   * sockets of upgrades are their owner's, who closes them before.
   */
  close(): Promise<void>
}

/** Servers for those who wait to be called: sources, and sinks that push. */
export interface Listening {
  /**
   * Returns once requests can come.
   * @throws PipelineError CONFIG_ADDRESS when the path is taken, or the address cannot be listened on.
   */
  open(place: ListenPlace, handlers: RouteHandlers): Promise<OpenRoute>
  /** All that is open now. */
  readonly routes: readonly OpenRoute[]
  /** Ends what is left at once. */
  close(): Promise<void>
}
