import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import {
  createServer as createHttp2Server,
  type Http2Server,
  type ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { spansOf, type ReceivedSpan } from './otlp-spans.ts'

/** `hang`: it takes requests and never answers; `refuse`: never again. */
export type ReceiverMood = 'ok' | 'hang' | 'refuse'

export interface ReceivedRequest {
  /** `/v1/traces`, or the method over grpc. */
  readonly path: string
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body: Uint8Array
}

export interface OtlpReceiver {
  /** To be named as `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly url: string
  /** What it took. */
  readonly requests: ReceivedRequest[]
  mood: ReceiverMood
  readonly spans: readonly ReceivedSpan[]
  close(): Promise<void>
}

/** A collector for tests, over `http/protobuf` or `grpc`, that keeps what it is sent. */
export async function startOtlpReceiver(
  protocol: 'http/protobuf' | 'grpc' = 'http/protobuf',
): Promise<OtlpReceiver> {
  const receiver = new Receiver()
  const server = protocol === 'grpc' ? receiver.grpc() : receiver.http()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return receiver.opened(server)
}

class Receiver implements OtlpReceiver {
  readonly requests: ReceivedRequest[] = []
  mood: ReceiverMood = 'ok'
  url = ''
  readonly #sockets = new Set<Socket>()
  #server: Server | Http2Server | null = null

  opened(server: Server | Http2Server): this {
    this.#server = server
    server.on('connection', (socket: Socket) => {
      // It had connected before the server was closed.
      if (!server.listening) socket.destroy()
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    return this
  }

  get spans(): readonly ReceivedSpan[] {
    return this.requests
      .filter(({ path }) => path === '/v1/traces' || path.endsWith('TraceService/Export'))
      .flatMap(({ body }) => spansOf(body))
  }

  async close(): Promise<void> {
    const server = this.#server
    if (server === null || !server.listening) return
    const closed = once(server, 'close')
    server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  http(): Server {
    return createServer((request, response) => {
      void bodyOf(request).then(async (body) => {
        if (body === null) return
        const isTaken = await this.#answers({
          path: request.url ?? '',
          headers: request.headers,
          body: request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body,
        })
        if (isTaken === null) return
        response.writeHead(isTaken ? 200 : 400, { 'content-type': 'application/x-protobuf' })
        response.end()
      })
    })
  }

  grpc(): Http2Server {
    const server = createHttp2Server()
    server.on('stream', (stream: ServerHttp2Stream, headers) => {
      // A client that goes away in the middle is no error of the test.
      stream.on('error', () => {})
      void bodyOf(stream).then(async (framed) => {
        if (framed === null) return
        const message = framed.subarray(5)
        const body = framed[0] === 1 ? gunzipSync(message) : message
        const isTaken = await this.#answers({ path: String(headers[':path']), headers, body })
        if (isTaken === null || stream.destroyed) return
        const status = isTaken ? '0' : '3'
        stream.respond(
          { ':status': 200, 'content-type': 'application/grpc' },
          { waitForTrailers: true },
        )
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status }))
        stream.end(Buffer.alloc(5))
      })
    })
    return server
  }

  /** null: never. */
  async #answers(request: ReceivedRequest): Promise<boolean | null> {
    if (this.mood === 'hang') return null
    if (this.mood === 'refuse') return false
    this.requests.push(request)
    return true
  }
}

/** null: its sender has gone away in the middle. */
async function bodyOf(stream: IncomingMessage | ServerHttp2Stream): Promise<Buffer | null> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of stream) chunks.push(chunk as Buffer)
  } catch {
    return null
  }
  return Buffer.concat(chunks)
}
