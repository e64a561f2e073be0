import { once } from 'node:events'
import { request as send, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterEach } from 'vitest'
import { createSystemClock } from '../../src/clock/system-clock.ts'
import type { EndpointEnvironment, Source, SourceSlice } from '../../src/core/endpoints.ts'
import type { JsonValue } from '../../src/core/json.ts'
import type { Listening } from '../../src/core/listening.ts'
import { openListening } from '../../src/endpoints/listening/open-listening.ts'
import { anEnvironment } from './endpoint-fixture.ts'

const closing: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

/** Closed after the test, the last first. */
export function closeLater(close: () => Promise<void> | void): void {
  closing.push(close)
}

export const systemClock = createSystemClock()

export type NetworkEnvironment = EndpointEnvironment & {
  readonly listening: Listening
  readonly notices: string[]
  readonly told: string[]
}

/** With real servers and real time. */
export function aNetwork(changes: Partial<EndpointEnvironment> = {}): NetworkEnvironment {
  const listening = openListening({ clock: systemClock })
  closeLater(() => listening.close())
  const { notices, notice, told, tell, stdin, stdout, random } = anEnvironment()
  return {
    clock: systemClock,
    notices,
    notice,
    told,
    ...(tell === undefined ? {} : { tell }),
    stdin,
    stdout,
    random,
    listening,
    ...changes,
  }
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
  readonly json: JsonValue
}

export interface Sent {
  readonly method?: string
  readonly path?: string
  readonly headers?: OutgoingHttpHeaders
  readonly body?: string | Buffer
}

export async function sendTo(port: number, { body, ...sent }: Sent): Promise<Answer> {
  const request = send({
    host: '127.0.0.1',
    port,
    path: '/in',
    method: 'POST',
    agent: false,
    ...sent,
  })
  const answered = once(request, 'response')
  // A server that refuses may close while the body is still being sent.
  request.on('error', () => {})
  request.end(body)
  const [response] = (await answered) as [IncomingMessage]
  let text = ''
  for await (const part of response) text += String(part)
  const isJson = response.headers['content-type']?.includes('json') === true
  const json = isJson && text !== '' ? (JSON.parse(text) as JsonValue) : null
  return { status: response.statusCode ?? 0, headers: response.headers, text, json }
}

export function rawSocket(port: number): Socket {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  closeLater(() => void socket.destroy())
  return socket
}

/** What was said until the connection ended, however it did. */
export async function textOf(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (part) => (text += String(part)))
  await new Promise<void>((resolve) => socket.on('close', () => resolve()))
  return text
}

/** Reads a source as a stage does, and keeps what it gives. */
export class SourceDriver {
  readonly slices: SourceSlice[] = []
  readonly positions = new Map<string, JsonValue>()
  readonly #source: Source
  readonly #stop = new AbortController()
  readonly #commits: boolean
  readonly #reading: Promise<void>

  constructor(source: Source, options: { readonly commits?: boolean } = {}) {
    this.#source = source
    this.#commits = options.commits ?? true
    this.#reading = this.#read()
    this.#reading.catch(() => {})
    closeLater(() => this.stop())
  }

  get values(): (string | null)[] {
    return this.slices.flatMap(({ batch }) =>
      Array.from({ length: batch.count }, (_, index) => batch.valueText(index)),
    )
  }

  /** Headers of all records, as text. */
  get headers(): Record<string, string>[] {
    return this.slices.flatMap(({ batch }) =>
      Array.from({ length: batch.count }, (_, index) =>
        Object.fromEntries(
          batch.headers(index).map(([name, value]) => [name, Buffer.from(value).toString()]),
        ),
      ),
    )
  }

  commit(slice: SourceSlice): void {
    for (const [split, position] of slice.positions) {
      if (position === null) this.positions.delete(split)
      else this.positions.set(split, position)
    }
    this.#source.committed?.(slice.positions)
  }

  /** As when the stage stops: nothing is read any more. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#reading.catch(() => {})
    await this.#source.close()
  }

  /** @throws what reading met. */
  get failed(): Promise<void> {
    return this.#reading
  }

  async #read(): Promise<void> {
    const request = { maxRecords: 1_000, maxBytes: 1_000_000, signal: this.#stop.signal }
    for (;;) {
      const slice = await this.#source.read(request)
      if (slice === null) return
      this.slices.push(slice)
      if (this.#commits) this.commit(slice)
    }
  }
}

export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await systemClock.sleep(2)
}
