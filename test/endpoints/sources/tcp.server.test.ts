import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { describe } from 'vitest'
import { createSystemClock } from '../../../src/clock/system-clock.ts'
import { freePort } from '../../e2e/free-port.ts'
import { itIsASource, type SourcePeer, type SuiteRecord } from '../connector-suite.ts'

const clock = createSystemClock()
const againMs = 20
/** Messages that it sends before the first of them is replied to. */
const ahead = 200

/** A client that sends lines in order, and after a loss again all that it got no reply for. */
class PatientClient {
  readonly #port: number
  #waiting: string[] = []
  #sent = 0
  #socket: Socket | null = null
  isAway = false
  isClosed = false

  constructor(port: number) {
    this.#port = port
    void this.#keepConnected()
  }

  offer(values: readonly (SuiteRecord | string)[]): void {
    for (const value of values)
      this.#waiting.push(typeof value === 'string' ? value : JSON.stringify(value))
    this.#send()
  }

  cut(): void {
    this.#socket?.destroy()
  }

  async #keepConnected(): Promise<void> {
    while (!this.isClosed) {
      if (!this.isAway) await this.#converse()
      await clock.sleep(againMs)
    }
  }

  /** Until the connection ends. */
  #converse(): Promise<void> {
    const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true })
    socket.on('error', () => {})
    socket.once('connect', () => {
      this.#socket = socket
      this.#sent = 0
      this.#send()
    })
    const lines = createInterface(socket)
    // It passes on what the socket meets.
    lines.on('error', () => {})
    lines.on('line', () => {
      this.#waiting.shift()
      this.#sent -= 1
      this.#send()
    })
    return new Promise((resolve) => {
      socket.once('close', () => {
        this.#socket = null
        resolve()
      })
    })
  }

  #send(): void {
    while (this.#socket !== null && this.#sent < Math.min(ahead, this.#waiting.length)) {
      this.#socket.write(`${this.#waiting[this.#sent]!}\n`)
      this.#sent += 1
    }
  }
}

async function aPeer(): Promise<SourcePeer> {
  const port = await freePort()
  const client = new PatientClient(port)
  return {
    settings: ['tcp:', `  port: ${port}`, '  max_frame: 64KiB', '  reply: ok'],
    send: (values) => Promise.resolve(client.offer(values)),
    away: () => {
      client.isAway = true
      client.cut()
    },
    back: () => void (client.isAway = false),
    silent: () => void (client.isAway = true),
    remove: () => {
      client.isClosed = true
      client.cut()
      return Promise.resolve()
    },
  }
}

describe('the tcp source', () => {
  itIsASource({
    open: aPeer,
    guarantee: 'at_least_once',
    bad: { text: 'x'.repeat(70_000), code: 'RECORD_TOO_LARGE' },
    blocked: null,
  })
})
