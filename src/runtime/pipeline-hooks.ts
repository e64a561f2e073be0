import type { Clock, Random } from '../core/clock.ts'
import type { ListenerEnvironment, ListenerServices } from '../core/hook.ts'
import type { JsonObject } from '../core/json.ts'
import type { Log } from '../core/log.ts'
import type { StageHook, StageNode, Topology } from '../topology/topology.ts'
import { hookCondition } from './hook-condition.ts'
import { HookRunner } from './hook-runner.ts'
import type { HookTracing } from './hook-tracing.ts'
import type { HookProblem } from './listener-queue.ts'
import { LogAppender } from './log-appender.ts'
import { ReliableHook } from './reliable-hook.ts'
import type { MeteredHook } from './run-report.ts'

export interface PipelineHooksOptions {
  readonly topology: Topology
  readonly log: Log
  readonly clock: Clock
  readonly random: Random
  readonly services: ListenerServices
  readonly notice: (message: string, facts?: JsonObject) => void
  /** Of the calls of a stage's listeners; null: nothing is traced. */
  readonly tracingOf: (stage: string) => HookTracing | null
}

const hookDrainMs = 2_000

/** All listeners of a pipeline in this process. */
export class PipelineHooks {
  readonly #options: PipelineHooksOptions
  readonly #runners = new Map<string, HookRunner>()
  readonly #reliable = new Map<string, ReliableHook>()
  readonly #closing: (() => Promise<void> | void)[] = []
  readonly #appender: LogAppender

  constructor(options: PipelineHooksOptions) {
    const { topology, log, clock, random } = options
    this.#options = options
    const partitions = new Map(topology.topics.map((topic) => [topic.name, topic.partitions]))
    // Several workers would take one task from each other.
    const own = log.group === undefined ? '0' : runName(random)
    this.#appender = new LogAppender({
      log,
      clock,
      task: `${topology.prefix}${topology.pipeline}.$listeners/${own}`,
      partitionsOf: (topic) => partitions.get(topic)!,
    })
  }

  /** @throws PipelineError CONFIG_FILE when a module cannot be loaded. */
  async open(): Promise<void> {
    const { topology } = this.#options
    for (const stage of new Set(topology.nodes.map((node) => node.stage)))
      this.#runners.set(stage, await this.#openStage(stage))
  }

  /** Those that listen as it happens. */
  runnerOf(stage: string): HookRunner {
    return this.#runners.get(stage)!
  }

  /** null: the node is no listener of a reliable hook. */
  deliveredBy({ id }: StageNode): ReliableHook | null {
    return this.#reliable.get(id) ?? null
  }

  get metered(): MeteredHook[] {
    const all = [
      ...[...this.#runners].map(([stage, { meters }]) => ({ stage, meters })),
      ...this.#reliable.values(),
    ]
    return all.flatMap(({ stage, meters }) => meters.map((meter) => ({ stage, meter })))
  }

  /** Takes no more events, and waits for a while until all are handled. */
  async close(): Promise<void> {
    await Promise.all([...this.#runners.values()].map((runner) => runner.close(hookDrainMs)))
    await Promise.allSettled(this.#closing.map(async (close) => close()))
    await this.#appender.close()
  }

  async #openStage(stage: string): Promise<HookRunner> {
    const { topology, clock, tracingOf } = this.#options
    const all = topology.hooks.filter((hook) => hook.stage === stage)
    const tracing = tracingOf(stage)
    for (const [index, hook] of all.entries())
      if (hook.node !== null) this.#reliable.set(hook.node, await this.#openReliable(hook, index))
    const hooks = await Promise.all(
      all
        .filter(({ reliable }) => !reliable)
        .map(async (hook) => ({
          on: hook.on,
          when: hook.when === null ? null : hookCondition(hook.when),
          listener: await this.#create(hook),
          name: hook.name,
          limits: hook.delivery,
        })),
    )
    return new HookRunner({ stage, hooks, clock, tracing, onProblem: this.#tell })
  }

  async #openReliable(hook: StageHook, index: number): Promise<ReliableHook> {
    const { topology, clock, random, tracingOf } = this.#options
    const { settings } = topology.nodes.find(({ id }) => id === hook.node)!
    return new ReliableHook({
      hook,
      index,
      listener: await this.#create(hook),
      retry: settings.retry,
      clock,
      random,
      tracing: tracingOf(hook.stage),
      onProblem: this.#tell,
    })
  }

  async #create({ listener: definition, config, reliable: isReliable }: StageHook) {
    const { clock, services } = this.#options
    const environment: ListenerEnvironment = {
      ...services,
      clock,
      topics: this.#appender,
      isReliable,
    }
    const listener = await definition.create(config, environment)
    this.#closing.push(() => listener.close?.())
    return listener
  }

  readonly #tell = ({ message, stage, event, listener, count, ids }: HookProblem) =>
    this.#options.notice(message, { stage, event, listener, count, ...ids })
}

/** Tells what one run of a task or process makes from what every other one does. */
export function runName(random: Random): string {
  return Math.floor(random.next() * 2 ** 48).toString(36)
}
