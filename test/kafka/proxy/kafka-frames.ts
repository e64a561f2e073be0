export interface RequestHeader {
  readonly apiKey: number
  readonly apiVersion: number
  readonly correlationId: number
}

const lengthBytes = 4
/** Far beyond what a broker takes (socket.request.max.bytes): what is larger is not Kafka. */
const maxFrameBytes = 256 * 1024 * 1024

/** Cuts a stream of bytes into frames: a length of 4 bytes, and as many bytes as it says. */
export class FrameReader {
  #chunks: Buffer[] = []
  #bytes = 0

  /** @returns the frames that are complete now, each with its length. */
  push(chunk: Buffer): readonly Buffer[] {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    if (this.#bytes < this.#needed()) return []
    let rest = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks)
    const frames: Buffer[] = []
    for (let size = frameSize(rest); size <= rest.length; size = frameSize(rest)) {
      frames.push(rest.subarray(0, size))
      rest = rest.subarray(size)
    }
    this.#chunks = rest.length === 0 ? [] : [rest]
    this.#bytes = rest.length
    return frames
  }

  #needed(): number {
    const first = this.#chunks[0]!
    return first.length < lengthBytes ? lengthBytes : frameSize(first)
  }
}

/** Of the first frame, with its length field; Infinity when that has not come yet. */
function frameSize(bytes: Buffer): number {
  if (bytes.length < lengthBytes) return Number.POSITIVE_INFINITY
  const length = bytes.readInt32BE(0)
  if (length < lengthBytes || length > maxFrameBytes) {
    throw new Error(`${length} is not the length of a frame: is this a plain-text Kafka listener?`)
  }
  return lengthBytes + length
}

export function requestHeader(frame: Buffer): RequestHeader {
  return {
    apiKey: frame.readInt16BE(4),
    apiVersion: frame.readInt16BE(6),
    correlationId: frame.readInt32BE(8),
  }
}

export function responseCorrelationId(frame: Buffer): number {
  return frame.readInt32BE(4)
}

/** @param body - what follows the correlation id. */
export function responseFrame(correlationId: number, body: Uint8Array): Buffer {
  const frame = Buffer.alloc(2 * lengthBytes + body.length)
  frame.writeInt32BE(lengthBytes + body.length, 0)
  frame.writeInt32BE(correlationId, 4)
  frame.set(body, 2 * lengthBytes)
  return frame
}
