import { requests, type Shapes } from 'kafkajs/src/protocol/requests/index.js'
import type { ApiName } from './api-keys.ts'
import { boundDecoder } from './bounded-decoder.ts'
import { ByteReader } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'

boundDecoder()

export interface VersionRange {
  readonly minVersion: number
  readonly maxVersion: number
}

/** A request in the version that suits the broker, and how its answer is read. */
export interface EncodedRequest<Answer> {
  readonly version: number
  /** Compact types and tagged fields, also in the header. */
  readonly flexible: boolean
  /** The body. */
  readonly parts: readonly Uint8Array[]
  readonly decode: (payload: Buffer) => Answer | Promise<Answer>
}

export interface ProtocolRequest<Answer> {
  readonly name: ApiName
  /** Whether doing it twice is as good as once: reading, heartbeats. */
  readonly repeatable: boolean
  /** How long the broker itself may wait before it answers, ms. */
  readonly brokerWaitMs: number
  /** null when the broker knows none of the versions that are known here. */
  encode(versions: VersionRange): Promise<EncodedRequest<Answer> | null>
}

export interface RequestTraits {
  readonly repeatable?: boolean
  readonly brokerWaitMs?: number
}

interface OwnRequest<Answer> extends RequestTraits {
  readonly version: number
  readonly flexible?: boolean
  /** The body: written, or in parts of which some are bytes that need not be copied. */
  readonly body: ((writer: ByteWriter) => void) | readonly Uint8Array[]
  readonly read: (answer: ByteReader) => Answer
}

/** A request that kafkajs does not have, or not in the version needed, or not fast or safe enough. */
export function ownRequest<Answer>(
  name: ApiName,
  { version, flexible = false, body, read, repeatable, brokerWaitMs }: OwnRequest<Answer>,
): ProtocolRequest<Answer> {
  return {
    name,
    repeatable: repeatable ?? false,
    brokerWaitMs: brokerWaitMs ?? 0,
    encode: ({ minVersion, maxVersion }) => {
      if (version < minVersion || version > maxVersion) return Promise.resolve(null)
      const parts = typeof body === 'function' ? [written(body)] : body
      return Promise.resolve({
        version,
        flexible,
        parts,
        decode: (payload) => read(new ByteReader(payload)),
      })
    },
  }
}

function written(write: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter()
  write(writer)
  return writer.bytes
}

/** A request that kafkajs writes and reads, in the newest version that it and the broker know. */
export function kafkaJsRequest<Name extends keyof Shapes>(
  kafkaJsName: Name,
  input: Shapes[Name]['input'],
  { repeatable = false, brokerWaitMs = 0 }: RequestTraits = {},
): ProtocolRequest<Shapes[Name]['answer']> {
  const definition = requests[kafkaJsName]
  return {
    name: kafkaJsName === 'GroupCoordinator' ? 'FindCoordinator' : kafkaJsName,
    repeatable,
    brokerWaitMs,
    encode: async ({ minVersion, maxVersion }) => {
      const version = Math.max(
        ...definition.versions.map(Number).filter((known) => known <= maxVersion),
      )
      if (version < minVersion) return null
      const { request, response } = definition.protocol({ version })(input)
      const { buffer } = await request.encode()
      const decode = (payload: Buffer) => response.decode(payload)
      return { version, flexible: false, parts: [buffer], decode }
    },
  }
}
