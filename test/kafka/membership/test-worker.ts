import type { KafkaClient } from '../../../src/logs/kafka/client/kafka-client.ts'
import {
  Membership,
  type MembershipEvent,
  type MembershipOptions,
  type RevokeReason,
} from '../../../src/logs/kafka/membership/membership.ts'
import { clock, random } from '../producing/producing-fixture.ts'

/** Who runs which task, over all workers of a group: nobody may start one that another still runs. */
export class RunningTasks {
  readonly #workers = new Map<string, string>()
  readonly violations: string[] = []

  start(task: string, worker: string): void {
    const other = this.#workers.get(task)
    if (other !== undefined) this.violations.push(`${worker} starts ${task} while ${other} runs it`)
    this.#workers.set(task, worker)
  }

  stop(task: string, worker: string): void {
    if (this.#workers.get(task) === worker) this.#workers.delete(task)
  }

  /** A worker that was cut off: others need not wait for it. */
  abandon(worker: string): void {
    for (const [task, owner] of this.#workers) if (owner === worker) this.#workers.delete(task)
  }

  get count(): number {
    return this.#workers.size
  }

  /** How many tasks each worker runs, by name. */
  get shares(): Record<string, number> {
    const shares = Object.groupBy(this.#workers.values(), (worker) => worker)
    return Object.fromEntries(
      Object.entries(shares).map(([worker, tasks]) => [worker, tasks?.length ?? 0]),
    )
  }
}

export interface TestWorkerOptions extends Partial<MembershipOptions> {
  readonly client: KafkaClient
  readonly group: string
  readonly worker: string
  readonly running: RunningTasks
  /** How long a task takes to stop. */
  readonly stopMs?: number
}

/** A worker that does nothing but run tasks. */
export class TestWorker {
  readonly name: string
  readonly membership: Membership
  readonly events: MembershipEvent[] = []
  readonly revoked: { readonly task: string; readonly reason: RevokeReason }[] = []
  readonly ended: Promise<unknown>
  readonly #stopping = new AbortController()

  constructor(options: TestWorkerOptions) {
    const { running, stopMs = 5, worker } = options
    this.name = worker
    this.membership = new Membership({
      clock,
      random,
      instanceId: null,
      fingerprint: 'one',
      tasks: taskIds(6),
      sessionTimeoutMs: 1_500,
      rebalanceTimeoutMs: 10_000,
      onAssigned: (tasks) => {
        for (const task of tasks) running.start(task, worker)
      },
      onRevoked: async (tasks, reason) => {
        this.revoked.push(...tasks.map((task) => ({ task, reason })))
        if (reason === 'lost') running.abandon(worker)
        await clock.sleep(stopMs)
        for (const task of tasks) running.stop(task, worker)
      },
      onEvent: (event) => this.events.push(event),
      ...options,
    })
    // null: it was stopped.
    this.ended = this.membership.run(this.#stopping.signal).then(
      () => null,
      (error: unknown) => error,
    )
  }

  async stop(): Promise<unknown> {
    this.#stopping.abort()
    return this.ended
  }

  count(type: MembershipEvent['type']): number {
    return this.events.filter((event) => event.type === type).length
  }
}

/** Two stages. */
export function taskIds(partitions: number): string[] {
  return ['p.clean', 'p.analyze'].flatMap((stage) =>
    Array.from({ length: partitions }, (_, partition) => `${stage}/${partition}`),
  )
}
