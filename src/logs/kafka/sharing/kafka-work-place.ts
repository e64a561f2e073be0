import { messageOf } from '../../../core/errors.ts'
import type { WorkHandlers, WorkPlace, WorkRequest } from '../../../core/work-group.ts'
import type { KafkaContext } from '../kafka-context.ts'
import { Membership, type MembershipEvent } from '../membership/membership.ts'
import { translated } from '../pipeline-error.ts'
import { TroubleNotice } from '../trouble-notice.ts'
import type { ControlMessage } from './control-message.ts'
import { ControlTopic } from './control-topic.ts'
import type { WorkerIdentity } from './worker-identity.ts'

/** A task that is quiet for a moment only is not worth a record. */
const settleMs = 1_000
/** Only `idle` depends on it: until it is said, the others wait. */
const tellAgainMs = 5_000

/** This worker's part in the work on one pipeline. */
export class KafkaWorkPlace implements WorkPlace {
  readonly #context: KafkaContext
  readonly #request: WorkRequest
  readonly #on: WorkHandlers
  readonly #membership: Membership
  readonly #control: ControlTopic
  /** What others have said last, by task. */
  readonly #heard = new Map<string, ControlMessage>()
  /** Since when own tasks are quiet, and whether the others know. */
  readonly #quiet = new Map<string, { readonly sinceUs: number; isTold: boolean }>()
  readonly #trouble: TroubleNotice
  #session: string | null = null
  #left = new AbortController()

  constructor(context: KafkaContext, options: WorkRequest & WorkerIdentity, on: WorkHandlers) {
    const { client, clock, random } = context
    this.#context = context
    this.#request = options
    this.#on = on
    this.#trouble = new TroubleNotice(context)
    this.#control = new ControlTopic(context, options.pipeline, (task, message) =>
      this.#hear(task, message),
    )
    this.#membership = new Membership({
      client,
      clock,
      random,
      group: options.pipeline,
      instanceId: options.instanceId,
      ...(options.sessionTimeoutMs === null ? {} : { sessionTimeoutMs: options.sessionTimeoutMs }),
      worker: options.worker,
      fingerprint: options.fingerprint,
      tasks: options.tasks,
      onAssigned: (tasks) => on.assigned(tasks),
      onRevoked: (tasks) => on.revoked(tasks),
      onEvent: (event) => this.#note(event),
    })
  }

  shares(task: string): boolean {
    return this.#request.tasks.includes(task)
  }

  async run(signal: AbortSignal): Promise<void> {
    const ended = new AbortController()
    const both = AbortSignal.any([signal, ended.signal])
    const { pipeline } = this.#request
    const listening = translated(`reading ${pipeline}.control`, () => this.#control.listen(both))
    const taking = translated(`working in the group ${pipeline}`, () => this.#membership.run(both))
    try {
      await Promise.all([listening, taking])
    } finally {
      ended.abort()
      this.#left.abort()
      this.#trouble.close()
      await Promise.allSettled([listening, taking])
    }
  }

  confirm(task: string): Promise<boolean> {
    return this.#membership.confirm(task)
  }

  announceEnd(task: string): Promise<void> {
    return translated(`telling the end of ${task}`, () => this.#tell(task, true))
  }

  announceQuiet(task: string, sinceUs: number | null): void {
    const before = this.#quiet.get(task)
    if (sinceUs !== null) {
      const entry = { sinceUs, isTold: false }
      this.#quiet.set(task, entry)
      void this.#tellIfStillQuiet(task, entry)
      return
    }
    this.#quiet.delete(task)
    // Also when the one to have said so is the worker that had the task before.
    if (before?.isTold === true || this.#isHeardQuiet(task)) this.#tellSoon(task)
  }

  async #tellIfStillQuiet(
    task: string,
    entry: { readonly sinceUs: number; isTold: boolean },
  ): Promise<void> {
    await this.#context.clock.sleep(settleMs, this.#left.signal)
    if (this.#left.signal.aborted || this.#quiet.get(task) !== entry) return
    entry.isTold = true
    this.#tellSoon(task)
  }

  #isHeardQuiet(task: string): boolean {
    const heard = this.#heard.get(task)
    return heard !== undefined && heard.session === this.#session && heard.quietSinceUs !== null
  }

  #tellSoon(task: string): void {
    void this.#tellPatiently(task)
  }

  /** Says how the task is by then, until it is said or the task is no longer this worker's. */
  async #tellPatiently(task: string): Promise<void> {
    const { clock, notice } = this.#context
    const { signal } = this.#left
    for (;;) {
      try {
        return await this.#tell(task, false)
      } catch (error) {
        notice(`telling the other workers about ${task}: ${messageOf(error)}; it is tried again`)
      }
      await clock.sleep(tellAgainMs, signal)
      if (signal.aborted || !this.#membership.tasks.includes(task)) return
    }
  }

  async #tell(task: string, hasEnded: boolean): Promise<void> {
    if (this.#session === null) return
    const quietSinceUs = this.#quiet.get(task)?.sinceUs ?? null
    await this.#control.tell(task, { session: this.#session, hasEnded, quietSinceUs })
  }

  #note(event: MembershipEvent): void {
    const { pipeline } = this.#request
    if (event.type === 'joined') {
      this.#trouble.end(`the group of ${pipeline} is reached again`)
      this.#enter(event.session)
    } else if (event.type === 'unreachable')
      this.#trouble.begin(`the group of ${pipeline} cannot be reached: ${event.message}`)
    else if (event.type === 'revoked' && event.reason === 'lost') {
      this.#context.notice(
        `the group of ${pipeline} has had no sign of life of this worker for too long: others get its ` +
          `tasks (${event.tasks.length}), and it joins again`,
      )
    } else if (event.type === 'revoke_overdue') {
      const tasks = event.tasks.join(', ')
      this.#context.notice(`${tasks}: did not stop in time; others may take them over`)
    }
  }

  /** What was said in other sessions says nothing about this one. */
  #enter(session: string): void {
    if (session === this.#session) return
    if (this.#session !== null) this.#on.renewed()
    this.#session = session
    for (const [task, message] of this.#heard) this.#passOn(task, message)
  }

  #hear(task: string, message: ControlMessage): void {
    this.#heard.set(task, message)
    this.#passOn(task, message)
  }

  #passOn(task: string, { session, hasEnded, quietSinceUs }: ControlMessage): void {
    if (session !== this.#session || this.#membership.tasks.includes(task)) return
    if (hasEnded) this.#on.ended(task)
    else this.#on.quiet(task, quietSinceUs)
  }
}
