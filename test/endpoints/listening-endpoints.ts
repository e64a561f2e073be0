import { onTestFinished } from 'vitest'
import type { EndpointDrop } from '../../src/core/endpoint-drops.ts'
import type { EndpointEnvironment, Sink, SinkDefinition } from '../../src/core/endpoints.ts'
import { Expression } from '../../src/core/expression.ts'
import { openListening } from '../../src/endpoints/listening/open-listening.ts'
import { compileExpression } from '../../src/expressions/compile.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'
import { anEnvironment } from './endpoint-fixture.ts'

/** What the endpoints of one run have in common: a server for each port, and the clients of each path. */
export class ListeningEndpoints {
  readonly clock = new VirtualClock()
  readonly drops: Partial<Record<EndpointDrop, number>> = {}
  readonly environment: EndpointEnvironment
  readonly #open: { close?(): Promise<void> | void }[] = []

  constructor() {
    const shared = new Map<string, object>()
    const listening = openListening({ clock: this.clock })
    this.environment = {
      ...anEnvironment(),
      clock: this.clock,
      listening,
      share: <Shared extends object>(name: string, make: () => Shared) => {
        const found = shared.get(name) ?? make()
        shared.set(name, found)
        return found as Shared
      },
      dropped: (drop, count = 1) => {
        this.drops[drop] = (this.drops[drop] ?? 0) + count
      },
    }
    onTestFinished(() => this.stop())
  }

  get port(): number {
    return this.environment.listening!.routes[0]!.port
  }

  async sink(definition: SinkDefinition, setting: object): Promise<Sink> {
    const config: unknown = definition.config.parse(setting)
    if (typeof config === 'object' && config !== null && 'room' in config)
      if (config.room instanceof Expression) config.room.bind(compileExpression(config.room.source))
    const sink = definition.create(config, this.environment, null)
    await sink.begin()
    return this.keep(sink)
  }

  /** Is closed in the end, with the sinks. */
  keep<Closing extends { close?(): Promise<void> | void }>(closing: Closing): Closing {
    this.#open.push(closing)
    return closing
  }

  /** Closes the sinks, and lets the time pass that they give their clients. */
  async stop(): Promise<void> {
    let isClosed = false
    const closing = Promise.all(this.#open.splice(0).map(async (each) => each.close?.()))
    void closing.finally(() => (isClosed = true))
    await this.clock.advance(0)
    while (!isClosed) await this.clock.advance(100)
    await this.environment.listening!.close()
  }
}
