import { afterAll, beforeAll } from 'vitest'
import { itIsASink, itIsASource, type Peer, type SuiteRecord } from '../connector-suite.ts'
import { describeWithRabbitmq, sharedRabbitmq } from '../describe-with-rabbitmq.ts'
import { TcpProxy } from '../tcp-proxy.ts'
import { TestClient } from './rabbitmq-fixture.ts'

/** What the suite writes to the queue is small; so many are looked at once. */
const prefetch = 1_000

describeWithRabbitmq('rabbitmq in the suite of connectors', () => {
  let client: TestClient
  let queues = 0

  beforeAll(async () => {
    client = await TestClient.open(sharedRabbitmq)
  })
  afterAll(() => client.close())

  /** A queue behind a proxy, which goes away and comes back as the server would. */
  async function aPeer(side: string): Promise<Peer & { readonly queue: string }> {
    const proxy = await TcpProxy.start(sharedRabbitmq)
    queues += 1
    const queue = await client.queue(`suite-${side}-${queues}`)
    const server = [`    port: ${proxy.port}`, '    heartbeat: 1s', '    connect_timeout: 1s']
    const user = [`    user: ${sharedRabbitmq.user}`, '    password: ${secret:RABBITMQ_PASSWORD}']
    return {
      queue,
      connections: ['main:', '  rabbitmq:', '    host: 127.0.0.1', ...server, ...user],
      settings: ['rabbitmq:', '  connection: main', `  queue: ${queue}`, '  max_record: 64KiB'],
      env: { RABBITMQ_PASSWORD: sharedRabbitmq.password },
      away: () => proxy.away(),
      back: () => proxy.back(),
      silent: () => proxy.silent(),
      remove: async () => {
        await client.channel.deleteQueue(queue)
        await proxy.close()
      },
    }
  }

  describeSource()
  describeSink()

  function describeSource() {
    itIsASource({
      guarantee: 'once',
      bad: { text: 'x'.repeat(70_000), code: 'RECORD_TOO_LARGE' },
      blocked: /RabbitMQ connection "main".*ECONNRESET|closed abruptly/,
      open: async () => {
        const peer = await aPeer('source')
        let sent = 0
        return {
          ...peer,
          send: (values) => {
            const bodies = values.map((value) =>
              typeof value === 'string' ? value : JSON.stringify(value),
            )
            return client.send(peer.queue, bodies, () => ({ messageId: `m-${(sent += 1)}` }))
          },
        }
      },
    })
  }

  function describeSink() {
    itIsASink({
      guarantee: 'at_least_once',
      bad: { value: { key: 'k0', n: -1, route: 'nowhere' }, code: 'RECORD_REJECTED' },
      blocked: /RabbitMQ connection "main".*ECONNRESET|closed abruptly/,
      open: async () => {
        const peer = await aPeer('sink')
        const received: SuiteRecord[] = []
        const exchange = `${peer.queue}-x`
        await client.channel.assertExchange(exchange, 'direct')
        await client.channel.bindQueue(peer.queue, exchange, 'all')
        const key = `"\${value.route == null ? 'all' : value.route}"`
        const target = [`  exchange: ${exchange}`, `  routing_key: ${key}`]
        await client.channel.prefetch(prefetch)
        await client.channel.consume(peer.queue, (message) => {
          if (message === null) return
          received.push(JSON.parse(message.content.toString()) as SuiteRecord)
          client.channel.ack(message)
        })
        return {
          ...peer,
          settings: ['rabbitmq:', '  connection: main', ...target],
          received: () => Promise.resolve(received),
        }
      },
    })
  }
})
