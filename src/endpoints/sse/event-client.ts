import type { ServerResponse } from 'node:http'
import type { EndpointDrop } from '../../core/endpoint-drops.ts'
import type { Pushed } from '../pushing/history.ts'
import type { Subscriber } from '../pushing/push-rooms.ts'

export interface EventClientOptions {
  readonly rooms: readonly string[]
  /** Stands before the number in the ids of events: those of another start are not ours. */
  readonly idPrefix: string
  readonly bufferBytes: number
  readonly slow: 'skip' | 'close'
  readonly dropped: (drop: EndpointDrop) => void
}

/** How long a browser waits before it connects again. */
const retryMs = 3_000

/** One stream of server-sent events. */
export class EventClient implements Subscriber {
  readonly rooms: readonly string[]
  readonly #response: ServerResponse
  readonly #options: EventClientOptions
  /** Heartbeats in a row that found bytes waiting. */
  #stuck = 0

  constructor(response: ServerResponse, options: EventClientOptions) {
    this.rooms = options.rooms
    this.#response = response
    this.#options = options
  }

  begin(headers: Readonly<Record<string, string>>): void {
    this.#response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
      ...headers,
    })
    this.#response.write(`retry: ${retryMs}\n\n`)
  }

  push({ number, data }: Pushed): void {
    const { idPrefix, bufferBytes, slow, dropped } = this.#options
    const response = this.#response
    if (response.writableEnded || response.destroyed) return
    if (response.writableLength <= bufferBytes)
      response.write(eventText(`${idPrefix}${number}`, data))
    else if (slow === 'skip') dropped('skipped_push')
    else {
      dropped('slow_client')
      response.destroy()
    }
  }

  /** Keeps the connection open through proxies, and finds clients that are gone. */
  beat(): void {
    const response = this.#response
    if (response.writableEnded || response.destroyed) return
    this.#stuck = response.writableLength > 0 ? this.#stuck + 1 : 0
    if (this.#stuck >= maxStuck) {
      this.#options.dropped('idle_client')
      response.destroy()
    } else response.write(': \n\n')
  }

  end(): void {
    this.#response.end()
  }

  destroy(): void {
    this.#response.destroy()
  }
}

const maxStuck = 3
const lineEnds = /\r\n|\r|\n/

/** Each line of the text is a line of data: no text can be more than one event. */
function eventText(id: string, data: Buffer): string {
  const lines = data.toString('utf8').split(lineEnds)
  return `id: ${id}\n${lines.map((line) => `data: ${line}\n`).join('')}\n`
}
