import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe } from 'vitest'
import { itIsASink, type SinkPeer, type SuiteRecord } from '../connector-suite.ts'

/** A web server that keeps what it is sent, and refuses numbers below 0. */
async function aPeer(): Promise<SinkPeer> {
  const records: SuiteRecord[] = []
  let isSilent = false
  let server: Server
  let port = 0
  const begin = async () => {
    server = createServer((request, response) => {
      let body = ''
      request.on('data', (part) => (body += String(part)))
      request.on('end', () => {
        if (isSilent) return
        const values = JSON.parse(body) as SuiteRecord[]
        const isRefused = values.some(({ n }) => n < 0)
        if (!isRefused) records.push(...values)
        response.writeHead(isRefused ? 422 : 200).end()
      })
    })
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
  }
  const end = async () => {
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }
  await begin()
  return {
    settings: [
      'http:',
      `  url: http://127.0.0.1:${port}/records`,
      '  batch:',
      '    records: 50',
      '  timeout: 2s',
    ],
    received: () => Promise.resolve(records),
    away: end,
    back: async () => {
      isSilent = false
      if (!server.listening) await begin()
    },
    silent: () => void (isSilent = true),
    remove: end,
  }
}

describe('the http sink', () => {
  itIsASink({
    open: aPeer,
    guarantee: 'at_least_once',
    bad: { value: { key: 'bad', n: -1 }, code: 'RECORD_REJECTED' },
    blocked: /^127\.0\.0\.1:\d+ gave no answer/,
  })
})
