import {
  type Channel,
  type ChannelModel,
  connect,
  type ConsumeMessage,
  type GetMessage,
  type Options,
} from 'amqplib'
import { createSystemClock } from '../../../src/clock/system-clock.ts'
import { ConnectionName } from '../../../src/core/connection-name.ts'
import type { EndpointEnvironment, Sink, Source, SourceSlice } from '../../../src/core/endpoints.ts'
import type { EndpointDrop } from '../../../src/core/endpoint-drops.ts'
import type { JsonValue } from '../../../src/core/json.ts'
import type { RabbitmqConnection } from '../../../src/core/rabbitmq-connection.ts'
import { rabbitmqSink } from '../../../src/endpoints/sinks/rabbitmq.ts'
import { rabbitmqSource } from '../../../src/endpoints/sources/rabbitmq.ts'
import { bindConfig } from '../../../src/topology/bind-config.ts'
import type { RabbitmqAddress } from '../rabbitmq-server.ts'
import { anEnvironment } from '../endpoint-fixture.ts'

export const clock = createSystemClock()

/** The connection `main`, as a pipeline file would bind it. */
export function aConnection(
  { host, port, user, password }: RabbitmqAddress,
  more: Partial<RabbitmqConnection> = {},
): ConnectionName<'rabbitmq'> {
  const name = new ConnectionName('rabbitmq', 'main')
  name.bind({
    host,
    port,
    user,
    password,
    vhost: '/',
    tls: null,
    connectionName: 'millrace tests',
    heartbeatMs: 5_000,
    connectTimeoutMs: 5_000,
    ...more,
  })
  return name
}

export interface LiveEnvironment extends EndpointEnvironment {
  readonly notices: string[]
  readonly drops: Map<EndpointDrop, number>
}

/** In real time, with what was dropped. */
export function aLiveEnvironment(more: Partial<EndpointEnvironment> = {}): LiveEnvironment {
  const drops = new Map<EndpointDrop, number>()
  const dropped = (drop: EndpointDrop, count = 1) =>
    void drops.set(drop, (drops.get(drop) ?? 0) + count)
  return { ...anEnvironment(), clock, dropped, drops, ...more }
}

/** A source as a pipeline file sets it up, but for its connection. */
export function aSource(
  connection: ConnectionName<'rabbitmq'>,
  setting: object,
  environment: EndpointEnvironment = aLiveEnvironment(),
  positions: ReadonlyMap<string, JsonValue> = new Map(),
): Source {
  const config = rabbitmqSource.config.parse({ connection: 'main', ...setting })
  bound(config)
  return rabbitmqSource.create({ ...config, connection }, environment, positions)
}

/** A sink as a pipeline file sets it up, but for its connection. */
export function aSink(
  connection: ConnectionName<'rabbitmq'>,
  setting: object,
  environment: EndpointEnvironment = aLiveEnvironment(),
): Sink {
  const config = rabbitmqSink.config.parse({ connection: 'main', ...setting })
  bound(config)
  return rabbitmqSink.create({ ...config, connection }, environment, null)
}

/** Compiles the expressions of a setting. */
export function bound(config: unknown): void {
  const report = (_path: unknown, thrown: unknown) => {
    throw thrown
  }
  bindConfig(config, [], { folder: '', readText: () => '', report })
}

/** A client of its own, which is not the one under test. */
export class TestClient {
  readonly channel: Channel
  readonly #model: ChannelModel

  static async open({ host, port, user, password }: RabbitmqAddress): Promise<TestClient> {
    const model = await connect(`amqp://${user}:${password}@${host}:${port}`)
    model.on('error', () => {})
    const channel = await model.createConfirmChannel()
    channel.on('error', () => {})
    return new TestClient(model, channel)
  }

  private constructor(model: ChannelModel, channel: Channel) {
    this.#model = model
    this.channel = channel
  }

  async queue(name: string): Promise<string> {
    await this.channel.assertQueue(name, { arguments: { 'x-queue-type': 'quorum' } })
    return name
  }

  /** Resolves once the server has all of them. */
  async send(
    queue: string,
    bodies: readonly (string | Buffer)[],
    options: (index: number) => Options.Publish = () => ({}),
  ): Promise<void> {
    for (const [index, body] of bodies.entries()) {
      const each = { persistent: true, ...options(index) }
      this.channel.sendToQueue(queue, Buffer.from(body), each)
    }
    await (this.channel as unknown as { waitForConfirms(): Promise<void> }).waitForConfirms()
  }

  /** The next message of a queue, waited for. */
  async next(queue: string, waitMs = 10_000): Promise<GetMessage> {
    const endUs = clock.monotonicUs() + 1_000 * waitMs
    for (;;) {
      const message = await this.channel.get(queue, { noAck: true })
      if (message !== false) return message
      if (clock.monotonicUs() > endUs) throw new Error(`no message came to ${queue}`)
      await clock.sleep(20)
    }
  }

  /** All messages of a queue, until so many are there. */
  async all(queue: string, count: number, waitMs = 20_000): Promise<readonly ConsumeMessage[]> {
    const messages: ConsumeMessage[] = []
    await this.channel.consume(queue, (message) => message !== null && messages.push(message), {
      noAck: true,
    })
    const endUs = clock.monotonicUs() + 1_000 * waitMs
    while (messages.length < count && clock.monotonicUs() < endUs) await clock.sleep(20)
    return messages
  }

  /** Messages that wait in a queue and are not with a consumer. */
  async ready(queue: string): Promise<number> {
    return (await this.channel.checkQueue(queue)).messageCount
  }

  async close(): Promise<void> {
    await this.#model.close().catch(() => {})
  }
}

/** Reads a source as a stage does: it waits and reads again while the server is away, and commits each slice. */
export class SourceReading {
  readonly values: string[] = []
  readonly slices: SourceSlice[] = []
  /** What is stored, as the log would have it. */
  readonly positions = new Map<string, JsonValue>()
  readonly blockedBy: string[] = []

  /** Reads until there are so many records, or it takes too long. */
  async until(source: Source, count: number, waitMs = 20_000): Promise<readonly string[]> {
    const over = new AbortController()
    const late = over.signal
    void clock.sleep(waitMs, late).then(() => over.abort())
    while (this.values.length < count && !late.aborted) {
      const slice = await this.#read(source, late)
      if (slice === null) break
      this.take(slice)
      source.committed?.(slice.positions)
    }
    over.abort()
    return this.values
  }

  /** What a commit stores. */
  take(slice: SourceSlice): void {
    this.slices.push(slice)
    for (let index = 0; index < slice.batch.count; index++) {
      this.values.push(slice.batch.valueText(index) ?? 'null')
    }
    for (const [split, position] of slice.positions) {
      this.positions.set(split, JSON.parse(JSON.stringify(position)) as JsonValue)
    }
  }

  async #read(source: Source, signal: AbortSignal): Promise<SourceSlice | null> {
    for (;;) {
      try {
        return await source.read({ maxRecords: 2_048, maxBytes: 1024 * 1024, signal })
      } catch (thrown) {
        const { kind, message } = thrown as { readonly kind?: string; readonly message: string }
        if (kind !== 'unavailable') throw thrown
        this.blockedBy.push(message)
        await clock.sleep(100, signal)
        if (signal.aborted) return null
      }
    }
  }
}
