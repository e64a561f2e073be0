import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface CloudEvent {
  readonly id: string
  readonly type: string
  readonly source: string
  readonly subject: string
  readonly data: { readonly event: { readonly code?: string }; readonly value: unknown }
}

export interface Alert {
  readonly webhookId: string
  readonly event: CloudEvent
}

export interface AlertReceiver extends Disposable {
  /** What it has taken, repeated ones too. */
  readonly alerts: readonly Alert[]
  readonly url: string
}

/**
 * Takes events of webhooks.
 * @param busyEvery one of so many calls is turned away, as under load.
 * @param at the port; 0 takes one that is free.
 */
export async function alertReceiver(busyEvery: number, at = 0): Promise<AlertReceiver> {
  const alerts: Alert[] = []
  let calls = 0
  const server = createServer((request, answer) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      calls += 1
      const event = JSON.parse(Buffer.concat(chunks).toString('utf8')) as CloudEvent
      const isBusy = calls % busyEvery === 0
      if (!isBusy) alerts.push({ webhookId: String(request.headers['webhook-id']), event })
      answer.writeHead(isBusy ? 503 : 204)
      answer.end()
    })
  })
  server.listen(at, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    alerts,
    url: `http://127.0.0.1:${port}/alerts`,
    [Symbol.dispose]: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
