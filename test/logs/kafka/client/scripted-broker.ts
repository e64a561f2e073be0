import { createServer, type Server, type Socket } from 'node:net'
import { ByteReader } from '../../../../src/logs/kafka/client/byte-reader.ts'
import { ByteWriter } from '../../../../src/logs/kafka/client/byte-writer.ts'
import { apiKeys } from '../../../../src/logs/kafka/client/api-keys.ts'

export const saslHandshake = 17
export const saslAuthenticate = 36
export const ok = 0

/** What the server says to a request, without length and correlation id; raw bytes go out as they are. */
export type Say = (apiKey: number, body: ByteReader) => Buffer | { readonly raw: Buffer } | null

/** For what no real broker does: it speaks Kafka's protocol as far as a test lets it. */
export class ScriptedBroker {
  readonly #say: Say
  readonly #sockets = new Set<Socket>()
  readonly #server: Server
  /** Connections so far. */
  connections = 0

  constructor(say: Say) {
    this.#say = say
    this.#server = createServer((socket) => this.#accept(socket))
  }

  static async start(say: Say): Promise<ScriptedBroker> {
    const broker = new ScriptedBroker(say)
    await new Promise<void>((resolve) => broker.#server.listen(0, '127.0.0.1', resolve))
    return broker
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' ? address!.port : 0
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  stop(): Promise<void> {
    this.cut()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  #accept(socket: Socket): void {
    this.connections++
    this.#sockets.add(socket)
    socket.on('error', () => {})
    let rest = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk])
      while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
        const frame = rest.subarray(4, 4 + rest.readInt32BE(0))
        rest = rest.subarray(4 + frame.length)
        this.#answer(socket, frame)
      }
    })
  }

  #answer(socket: Socket, frame: Buffer): void {
    const body = new ByteReader(frame)
    const [apiKey] = [body.int16(), body.int16()]
    const correlationId = body.int32()
    body.nullableString()
    const said = this.#say(apiKey, body)
    if (said === null) return
    if ('raw' in said) {
      socket.write(said.raw)
      return
    }
    const length = new ByteWriter().int32(4 + said.length).int32(correlationId)
    socket.write(Buffer.concat([length.bytes, said]))
  }
}

/** The answer to ApiVersions of a broker that knows all requests, in all versions. */
export function allVersions(): Buffer {
  const keys = [...Object.values(apiKeys), saslHandshake, saslAuthenticate]
  const writer = new ByteWriter().int16(ok)
  return writer.array(keys, (key) => writer.int16(key).int16(0).int16(12)).int32(0).bytes
}

/** The answer to Metadata of a cluster with this one broker and no topics. */
export function onlyBroker(port: number): Buffer {
  const writer = new ByteWriter().noTags().int32(0)
  writer.compactArray([1], (id) =>
    writer.int32(id).compactString('127.0.0.1').int32(port).compactString(null).noTags(),
  )
  return writer
    .compactString('cluster')
    .int32(1)
    .compactArray([], () => {})
    .noTags().bytes
}
