import { Agent, request as send } from 'node:http'
import { describe } from 'vitest'
import { createSystemClock } from '../../../src/clock/system-clock.ts'
import { freePort } from '../../e2e/free-port.ts'
import { itIsASource, type SourcePeer, type SuiteRecord } from '../connector-suite.ts'

const clock = createSystemClock()
const recordsPerRequest = 20
const againMs = 20

/** A client that sends what it is given in order, again and again under the same key until it is accepted. */
class PatientClient {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  readonly #port: number
  readonly #waiting: { readonly key: string; readonly body: string }[] = []
  #sent = 0
  #isBusy = false
  refusals = 0
  isAway = false
  isClosed = false

  constructor(port: number) {
    this.#port = port
  }

  offer(values: readonly (SuiteRecord | string)[]): void {
    for (let from = 0; from < values.length; from += recordsPerRequest) {
      const lines = values.slice(from, from + recordsPerRequest)
      const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)))
      this.#waiting.push({ key: `request-${this.#sent++}`, body: text.join('\n') })
    }
    if (!this.#isBusy) void this.#sendAll()
  }

  cut(): void {
    this.#agent.destroy()
  }

  async #sendAll(): Promise<void> {
    this.#isBusy = true
    while (this.#waiting.length > 0 && !this.isClosed) {
      if (!this.isAway && (await this.#isAnswered())) this.#waiting.shift()
      else await clock.sleep(againMs)
    }
    this.#isBusy = false
  }

  /** Whether it need not be sent again. */
  #isAnswered(): Promise<boolean> {
    const { key, body } = this.#waiting[0]!
    const headers = { 'content-type': 'application/x-ndjson', 'idempotency-key': key }
    const at = { host: '127.0.0.1', port: this.#port, path: '/in', method: 'POST', headers }
    return new Promise((resolve) => {
      const request = send({ ...at, agent: this.#agent }, (response) => {
        response.resume()
        response.on('end', () => {
          if (response.statusCode === 400) this.refusals += 1
          resolve(response.statusCode === 202 || response.statusCode === 400)
        })
        response.on('error', () => resolve(false))
      })
      request.on('error', () => resolve(false))
      request.end(body)
    })
  }
}

async function aPeer(): Promise<SourcePeer> {
  const port = await freePort()
  const client = new PatientClient(port)
  return {
    settings: ['http:', '  path: /in', `  port: ${port}`],
    send: (values) => Promise.resolve(client.offer(values)),
    refusals: () => client.refusals,
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

describe('the http source', () => {
  itIsASource({
    open: aPeer,
    guarantee: 'once',
    bad: { text: 'no JSON', code: null },
    blocked: null,
  })
})
