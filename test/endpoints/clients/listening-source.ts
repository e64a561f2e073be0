import { onTestFinished } from 'vitest'
import type { EndpointDrop } from '../../../src/core/endpoint-drops.ts'
import type {
  EndpointEnvironment,
  ReadRequest,
  Source,
  SourceDefinition,
  SourceSlice,
} from '../../../src/core/endpoints.ts'
import { compileTemplate } from '../../../src/expressions/compile-template.ts'
import { Template } from '../../../src/core/expression.ts'
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts'
import { anEnvironment, bindPaths } from '../endpoint-fixture.ts'

/** Records as they were read: values, and messages of those that failed. */
export interface Taken {
  readonly values: string[]
  readonly failures: string[]
}

/** As stages ask. */
const defaultRequest = { maxRecords: 2_048, maxBytes: 1_048_576 }

/** A source that listens, and a stage in miniature that reads it and commits. */
export class ListeningSource {
  readonly clock: VirtualClock
  readonly drops: Partial<Record<EndpointDrop, number>> = {}
  readonly taken: Taken = { values: [], failures: [] }
  readonly infos: unknown[] = []
  readonly source: Source
  readonly slices: SourceSlice[] = []
  readonly notices: string[]
  readonly told: string[] = []
  readonly #stop = new AbortController()
  readonly #request: ReadRequest
  #running: Promise<void> = Promise.resolve()
  #isHeld = false
  #goOn: (() => void) | null = null

  constructor(
    definition: SourceDefinition,
    setting: object,
    more: {
      readonly environment?: Partial<EndpointEnvironment>
      readonly request?: Partial<ReadRequest>
      readonly clock?: VirtualClock
    } = {},
  ) {
    this.clock = more.clock ?? new VirtualClock()
    this.#request = { ...defaultRequest, signal: this.#stop.signal, ...more.request }
    const base = anEnvironment()
    this.notices = base.notices
    const environment: EndpointEnvironment = {
      ...base,
      clock: this.clock,
      dropped: (drop, count = 1) => {
        this.drops[drop] = (this.drops[drop] ?? 0) + count
      },
      ...more.environment,
      notice: base.notice,
      tell: (message) => this.told.push(message),
    }
    const config: unknown = definition.config.parse(setting)
    bindTemplates(config)
    this.source = definition.create(bindPaths(config, '/'), environment, new Map())
    onTestFinished(() => this.stop())
  }

  /** Reads and commits until `stop`; resolves with the port. */
  async start(): Promise<number> {
    const { promise, reject } = Promise.withResolvers<never>()
    this.#running = this.#run()
    this.#running.catch(reject)
    while (this.told.length === 0) await Promise.race([turn(), promise])
    return Number(/:(\d+)(?:\/|$)/.exec(this.told[0]!)![1])
  }

  /** No slice is committed, or read, until `release`. */
  hold(): void {
    this.#isHeld = true
  }

  release(): void {
    this.#isHeld = false
    this.#goOn?.()
  }

  async untilTaken(count: number): Promise<void> {
    while (this.taken.values.length + this.taken.failures.length < count) await turn()
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    this.release()
    await this.#running
    const closing = this.source.close()
    let isClosed = false
    void closing.finally(() => (isClosed = true))
    await turn()
    while (!isClosed) await this.clock.advance(100)
    await closing
  }

  async #run(): Promise<void> {
    for (;;) {
      const slice = await this.source.read(this.#request)
      if (slice === null) return
      this.slices.push(slice)
      const failed = new Map(slice.failures.map((failure) => [failure.index, failure]))
      for (let index = 0; index < slice.batch.count; index++) {
        const failure = failed.get(index)
        if (failure === undefined) this.taken.values.push(slice.batch.valueText(index)!)
        else this.taken.failures.push(`${failure.code} ${slice.batch.valueText(index)!}`)
        this.infos.push(slice.info(index))
      }
      while (this.#isHeld) await new Promise<void>((resolve) => (this.#goOn = resolve))
      this.source.committed?.(slice.positions)
    }
  }
}

function bindTemplates(config: unknown): void {
  if (config instanceof Template) config.bind(compileTemplate(config.source))
  else if (typeof config === 'object' && config !== null)
    for (const part of Object.values(config)) bindTemplates(part)
}

/** A turn of the event loop, in which sockets get on. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
